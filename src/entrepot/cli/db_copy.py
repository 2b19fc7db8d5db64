"""`entrepot db copy` and `thaw`: a registry moves to another database and another store."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot import settings
from entrepot.cli.ends import end_of
from entrepot.cli.options import Config, Data, Json, fail
from entrepot.cli.output import done
from entrepot.cli.progress import shown
from entrepot.cli.size import show_size
from entrepot.db import moving
from entrepot.db.audit import By
from entrepot.db.place import Place
from entrepot.db.schema import SchemaError

if TYPE_CHECKING:
    from entrepot.upkeep.moving.end import End
    from entrepot.upkeep.moving.move import Moved

_NEXT = """\
moved {rows} rows and {size} of blobs to {target}
{source} stays frozen: it serves pulls, and takes no pushes.

  Next: run `entrepot serve` with the settings of {file}, lead clients there, then stop this one.
  To go on here instead: `entrepot db thaw`"""

_CUT = "{why}; run entrepot db copy again to go on, or entrepot db thaw where pushes shall go on"


def copy(
    *,
    to: Annotated[
        Path, typer.Option(help="File with the settings of the new place, like entrepot.toml.")
    ],
    verify: Annotated[
        bool, typer.Option("--verify", help="Read all blobs again at the new place.")
    ] = False,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Move the whole registry to another database and store, while it serves.

    Blobs are copied first, while pushes go on. Then the registry is frozen: pulls work, pushes are
    answered by 503 until clients come to the new place. All that was copied is compared. What was
    cut goes on where it was when it is run again.

    The file of `--to` has `database_url`, `storage_url` and so on; where it leaves them out the
    new place is its `data` folder. The environment does not count there.

    Examples: `entrepot db copy --to entrepot-new.toml`,
    `entrepot db copy --data /srv/entrepot --to entrepot-new.toml --verify`
    """
    try:
        here, there = settings.load(config, data=data), settings.load_alone(to)
        source, target = end_of(here), end_of(there)
        seen_by_target = here.metadata(there.keyring())
    except (settings.SettingsError, OSError) as error:
        fail(str(error))
    if str(source.place) == str(target.place):
        fail(f"{to} names the database that the registry has already")
    found = _move(source, target, seen_by_target, verify=verify)
    document = {
        "source": {"database": str(source.place), "blobs": source.blobs, "frozen": True},
        "target": {"database": str(target.place), "blobs": target.blobs},
        "rows": found.rows,
        "objects": found.objects,
        "bytes": found.bytes,
        "verified": verify,
    }
    text = _NEXT.format(
        rows=found.rows, size=show_size(found.bytes), source=source.place, target=target, file=to
    )
    done(text, document, as_json=as_json)


def _move(source: "End", target: "End", seen_by_target: Place, *, verify: bool) -> "Moved":
    from entrepot.blobstore.store import StoreError
    from entrepot.encryption.keys import EncryptionError
    from entrepot.upkeep.moving.end import MoveError
    from entrepot.upkeep.moving.move import move

    try:
        with shown() as show:
            return move(source, target, seen_by_target, show, verify=verify)
    except (MoveError, SchemaError) as error:
        fail(str(error))
    except (StoreError, EncryptionError, OSError, sqlite3.Error) as error:
        fail(_CUT.format(why=error), 1)


def thaw(*, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Take pushes again at a registry that `entrepot db copy` has frozen.

    Whatever is pushed here from then on is not at the new place: where that serves already, leave
    this one frozen.

    Examples: `entrepot db thaw`, `entrepot db thaw --data /srv/entrepot`
    """
    try:
        place = settings.load(config, data=data).metadata()
        if not place.exists():
            fail(f"there is no registry in {place}: name its folder with --data")
        with closing(place.connect()) as db, db.exclusive():
            thawed = moving.thaw(db, By("entrepot", via="db thaw"))
        place.announce()
    except (settings.SettingsError, SchemaError) as error:
        fail(str(error))
    except (OSError, sqlite3.Error) as error:
        fail(f"cannot thaw {place}: {error}", 1)
    words = "takes pushes again" if thawed else "was not frozen"
    done(f"{place} {words}", {"database": str(place), "was_frozen": thawed}, as_json=as_json)
