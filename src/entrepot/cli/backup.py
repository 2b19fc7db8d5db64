"""`entrepot backup`: copies of a whole registry in a folder or a bucket, and the way back."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entrepot import settings
from entrepot.blobstore.place import Addressing, Place
from entrepot.cli.ends import end_of
from entrepot.cli.options import Config, Data, Json, fail
from entrepot.cli.output import Columns, done, show_list, when
from entrepot.cli.progress import shown
from entrepot.cli.size import show_size

if TYPE_CHECKING:
    from entrepot.upkeep.backup.document import Backup
    from entrepot.upkeep.backup.vault import Vault

app = typer.Typer(no_args_is_help=True, help="Backups, in a folder or a bucket, and the way back.")

Dest = Annotated[
    str, typer.Argument(help="Folder, or s3://BUCKET/PREFIX, gs://…, az://…", show_default=False)
]
Endpoint = Annotated[
    str,
    typer.Option(help="https://HOST of a store that is one's own."),
]
Region = Annotated[str, typer.Option(help="The bucket's region, for S3.")]
Ca = Annotated[
    Path | None,
    typer.Option(help="Whom the store's certificate is of, PEM."),
]
Addressed = Annotated[
    Addressing,
    typer.Option(
        help="Where the bucket's name stands in a URL: auto, path or virtual.",
    ),
]
Which = Annotated[str, typer.Option("--backup", help="Its id.", show_default="the newest")]
LIST: Columns = {
    "id": "id",
    "made": when("created_at"),
    "tags": "tags",
    "contents": "contents",
    "size": lambda row: show_size(row["size"]),
    "added": lambda row: show_size(row["added"]),
    "lost": lambda row: len(row["lost"]) or None,
    "of": "source",
}


@app.command()
def create(
    dest: Dest,
    *,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Prune then: how many backups stay.")
    ] = None,
    endpoint: Endpoint = "",
    region: Region = "",
    ca: Ca = None,
    addressing: Addressed = "auto",
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a backup of the whole registry, while it serves.

    It has all as it was at one moment. What DEST has already is not sent again. A backup that is
    cut is none; the next goes on from what was sent. Ends with 3 where some content is damaged in
    the registry itself: then all the rest is in the backup, and nothing is pruned.

    Examples: `entrepot backup create /mnt/backup`,
    `entrepot backup create s3://backups/registry --keep 30`
    """
    from entrepot.upkeep.backup.create import create as make
    from entrepot.upkeep.backup.prune import prune as take_away
    from entrepot.upkeep.backup.vault import BusyError

    with _told("the backup is not finished; run it again to go on"):
        vault = _vault(dest, endpoint, region, ca, addressing)
        here = settings.load(config, data=data)
        with shown() as show:
            made = make(end_of(here), here.keyring(), vault, show)
            removed, stay = list[str](), ""
            if keep and not made.lost:
                try:
                    removed = list(take_away(vault, keep, show).removed)
                except BusyError as error:  # the next one does it
                    stay = f"; older ones stay for now: {error}"
    words = (
        f"backup {made.id} is made at {vault}: {made.tags} tags, {show_size(made.size)}, of which "
        f"{show_size(made.added)} are new"
    )
    words += f"; {len(removed)} older ones are gone" if removed else stay
    if made.lost:
        words += _LOST.format(count=len(made.lost), some="\n  ".join(made.lost[:10]))
    done(words, {**_row(made), "removed": removed}, as_json=as_json)
    raise typer.Exit(_LACKS if made.lost else 0)


_LACKS = 3
_LOST = """
{count} contents are damaged in the registry, and not in the backup; entrepot check says more:
  {some}"""


@app.command("list")
def list_backups(
    dest: Dest,
    *,
    endpoint: Endpoint = "",
    region: Region = "",
    ca: Ca = None,
    addressing: Addressed = "auto",
    as_json: Json = False,
) -> None:
    """List the backups at a place, the oldest first.

    Examples: `entrepot backup list /mnt/backup`,
    `entrepot backup list s3://backups/registry --json`
    """
    from entrepot.upkeep.backup import document

    with _told("the backups cannot be listed"):
        vault = _vault(dest, endpoint, region, ca, addressing)
        found = [document.read(vault, id_) for id_ in document.ids(vault)[0]]
    show_list(map(_row, found), LIST, as_json=as_json)


@app.command()
def verify(
    dest: Dest,
    *,
    backup: Annotated[str, typer.Option("--backup", help="Its id.", show_default="all")] = "",
    endpoint: Endpoint = "",
    region: Region = "",
    ca: Ca = None,
    addressing: Addressed = "auto",
    as_json: Json = False,
) -> None:
    """Read every byte of backups, and compare it with its digest; ends with 1 where any is damaged.

    Examples: `entrepot backup verify /mnt/backup`,
    `entrepot backup verify s3://backups/registry --backup 20260131T020000Z-3f9a`
    """
    from entrepot.upkeep.backup import document
    from entrepot.upkeep.backup.verify import verify as read_all

    with _told("the backups cannot be verified"):
        vault = _vault(dest, endpoint, region, ca, addressing)
        wanted = [document.read(vault, backup).id] if backup else document.ids(vault)[0]
        if not wanted:
            fail(f"there is no backup at {vault}")
        with shown() as show:
            found = read_all(vault, wanted, show)
    lines = [f"{each.what}: {each.why} ({', '.join(each.backups)})" for each in found.damaged]
    lines.append(
        f"{len(found.backups)} backups, {found.contents} contents, {show_size(found.bytes)}: "
        f"{len(found.damaged)} damaged"
    )
    done("\n".join(lines), asdict(found), as_json=as_json)
    raise typer.Exit(1 if found.damaged else 0)


@app.command()
def restore(
    dest: Dest,
    *,
    backup: Which = "",
    without_damaged: Annotated[
        bool,
        typer.Option("--without-damaged", help="Also where content is damaged in the backup."),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Of a registry that lives: a project, REPOSITORY or REPOSITORY:TAG; repeat it."
        ),
    ] = None,
    move_tags: Annotated[
        bool, typer.Option("--move-tags", help="With --only, also tags that point elsewhere now.")
    ] = False,
    endpoint: Endpoint = "",
    region: Region = "",
    ca: Ca = None,
    addressing: Addressed = "auto",
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a registry anew from a backup, in an empty database and an empty store; or bring some
    images back into one that lives.

    The settings say where that is, as for `entrepot serve`, which comes behind it. What was cut
    goes on when it is run again. Where the registry had encryption keys, these settings need them.

    With `--only` images come back beside the server, as if they were pushed, with their signatures
    and other referrers. Nothing is taken away. Grants and rules are not restored so.

    Examples: `entrepot backup restore /mnt/backup --data /srv/entrepot`,
    `entrepot backup restore s3://backups/registry --backup 20260131T020000Z-3f9a`,
    `entrepot backup restore /mnt/backup --only team/app:1.2 --move-tags`
    """
    if only:
        with _told("the restore is not finished; run it again to go on"):
            vault = _vault(dest, endpoint, region, ca, addressing)
            here = settings.load(config, data=data)
            _merge(vault, backup, here, only, move_tags=move_tags, as_json=as_json)
        return
    from entrepot.upkeep.backup import document
    from entrepot.upkeep.backup.opened import Opened
    from entrepot.upkeep.backup.restore import restore as make_anew

    with _told("the restore is not finished; run it again to go on"):
        vault = _vault(dest, endpoint, region, ca, addressing)
        there = settings.load(config, data=data)
        chosen, target = document.read(vault, backup), end_of(there)
        opened = Opened(vault, chosen)
        with shown() as show:
            found = make_anew(
                opened, target, there.keyring(), show, without_damaged=without_damaged
            )
    words = (
        f"backup {chosen.id} is restored to {target}: {found.rows} rows, {chosen.tags} tags, "
        f"{show_size(found.bytes)} of objects"
    )
    missing = sorted({*opened.damaged, *chosen.lost})
    if missing:
        words += f"\n{len(missing)} contents are lost, and pushed again are healed:\n  "
        words += "\n  ".join(missing[:10])
    document_ = {
        "backup": chosen.id,
        "database": str(target.place),
        "blobs": target.blobs,
        "rows": found.rows,
        "tags": chosen.tags,
        "bytes": found.bytes,
        "lost": missing,
    }
    done(words, document_, as_json=as_json)
    raise typer.Exit(1 if missing else 0)


def _merge(
    vault: "Vault",
    backup: str,
    here: settings.Settings,
    only: list[str],
    *,
    move_tags: bool,
    as_json: bool,
) -> None:
    from entrepot.upkeep.backup import document
    from entrepot.upkeep.backup.choice import Choice
    from entrepot.upkeep.backup.merge import merge
    from entrepot.upkeep.backup.opened import Opened

    choices = [Choice.parse(text) for text in only]
    opened, target = Opened(vault, document.read(vault, backup)), end_of(here)
    sparse = here.sparse_manifests
    with shown() as show:
        found = merge(opened, target, choices, show, move_tags=move_tags, sparse=sparse)
    lines = [
        f"{found.manifests} manifests and {len(found.tags)} tags of {opened.backup.id} are back"
    ]
    lines += [f"{tag} points elsewhere by now, and is left so: --move-tags" for tag in found.left]
    lines += [f"{digest} cannot be restored: {why}" for digest, why in found.lost.items()]
    done("\n".join(lines), {"backup": opened.backup.id, **asdict(found)}, as_json=as_json)
    raise typer.Exit(1 if found.lost else 0)


@app.command()
def prune(
    dest: Dest,
    *,
    keep: Annotated[int, typer.Option(min=1, help="How many backups stay, the newest.")],
    endpoint: Endpoint = "",
    region: Region = "",
    ca: Ca = None,
    addressing: Addressed = "auto",
    as_json: Json = False,
) -> None:
    """Take away the oldest backups, and the content that no other has.

    Examples: `entrepot backup prune /mnt/backup --keep 30`,
    `entrepot backup prune s3://backups/registry --keep 7 --json`
    """
    from entrepot.upkeep.backup.prune import prune as take_away

    with _told("the pruning is not finished; run it again to go on"):
        vault = _vault(dest, endpoint, region, ca, addressing)
        with shown() as show:
            found = take_away(vault, keep, show)
    words = (
        f"{len(found.removed)} backups are gone, {len(found.kept)} stay; {show_size(found.bytes)} "
        "are free"
    )
    done(words, asdict(found), as_json=as_json)


def _vault(
    dest: str, endpoint: str, region: str, ca: Path | None, addressing: Addressing
) -> "Vault":
    from entrepot.upkeep.backup.vault import vault_at

    if endpoint and not endpoint.startswith(("https://", "http://")):
        fail(f"--endpoint is {endpoint!r}: write https://HOST[:PORT]")
    options = Place("", "", endpoint=endpoint, region=region, ca=ca, addressing=addressing)
    return vault_at(dest, options)


def _row(backup: "Backup") -> dict[str, Any]:
    document = backup.document()
    del document["tables"], document["files"]
    return document


@contextmanager
def _told(cut: str) -> Iterator[None]:
    """Say what went wrong: with 2 where something must be changed, with 1 where trying again may
    do.
    """
    from entrepot.db.schema import SchemaError
    from entrepot.encryption.keys import EncryptionError
    from entrepot.upkeep.backup.vault import BackupError, BusyError
    from entrepot.upkeep.moving.end import MoveError

    try:
        yield
    except BusyError as error:
        fail(str(error), 1)
    except (BackupError, MoveError, SchemaError, EncryptionError, settings.SettingsError) as error:
        fail(str(error))
    except (OSError, sqlite3.Error) as error:
        fail(f"{error}; {cut}", 1)
