"""`entrepot db`: the database itself: which version it has, and how it gets the next one."""

import sqlite3
from contextlib import closing

import typer

from entrepot import settings
from entrepot.cli import db_copy
from entrepot.cli.options import Config, Data, Json, fail
from entrepot.cli.output import done
from entrepot.db import moving
from entrepot.db.connection import UnavailableError
from entrepot.db.place import Place
from entrepot.db.schema import SchemaError

app = typer.Typer(help="The database: its version, its upgrade, its move.", no_args_is_help=True)
app.command("copy")(db_copy.copy)
app.command("thaw")(db_copy.thaw)


@app.command()
def status(*, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Say where the database is and which version its schema has. Ends with 1 unless that is the
    one that this Entrepot wants.

    Examples: `entrepot db status`, `entrepot db status --data /srv/entrepot --json`
    """
    place = _place(data=data, config=config)
    try:
        found, wanted = place.versions()
        state = _state(place) if found == wanted else {}
    except (OSError, sqlite3.Error) as error:
        fail(f"cannot read {place}: {error}")
    words = "there is no registry yet" if not found else f"schema {found}"
    advice = "" if found == wanted else f"; this Entrepot wants {wanted}: run entrepot db upgrade"
    more = "".join(_STATES[name].format(where) for name, where in state.items() if where)
    document = {"database": str(place), "version": found, "wanted": wanted, **state}
    done(f"{place}: {words}{advice}{more}", document, as_json=as_json)
    raise typer.Exit(0 if found == wanted else 1)


@app.command()
def upgrade(*, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Bring the database to the version that this Entrepot wants; make it where there is none.

    SQLite does that at the server's start, and keeps a copy of the file as it was. PostgreSQL waits
    for this command, since replicas of the older version may be at work: stop them first.

    Examples: `entrepot db upgrade`, `ENTREPOT_DATABASE_URL=postgresql://… entrepot db upgrade`
    """
    place = _place(data=data, config=config)
    try:
        found, wanted = place.upgrade()
    except SchemaError as error:
        fail(str(error))
    except UnavailableError as error:
        fail(f"cannot reach {place}: {error}", 1)
    except (OSError, sqlite3.Error) as error:
        fail(f"cannot use {place}: {error}", 1)
    words = "has it already" if found == wanted else f"was {found}" if found else "was made"
    document = {"database": str(place), "was": found, "version": wanted}
    done(f"{place}: schema {wanted} ({words})", document, as_json=as_json)


_STATES = {
    "frozen_for": "; frozen, as it is moved to {}",
    "unfinished_copy_of": "; not finished as a copy of {}",
}


def _state(place: Place) -> dict[str, str | None]:
    """Whether it is being moved."""
    with closing(place.connect_to_read()) as db:
        return {"frozen_for": moving.frozen(db), "unfinished_copy_of": moving.unfinished(db)}


def _place(**options: object) -> Place:
    try:
        chosen = settings.load(options.pop("config"), **options)  # type: ignore[arg-type]
        return chosen.metadata()
    except settings.SettingsError as error:
        fail(str(error))
