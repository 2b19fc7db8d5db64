"""`entrepot db`: the database itself: which version it has, and how it gets the next one."""

import sqlite3

import typer

from entrepot import settings
from entrepot.cli.options import Config, Data, Json, fail
from entrepot.cli.output import done
from entrepot.db.connection import UnavailableError
from entrepot.db.place import Place
from entrepot.db.schema import SchemaError

app = typer.Typer(help="The database: its version, its upgrade.", no_args_is_help=True)


@app.command()
def status(*, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Say where the database is and which version its schema has. Ends with 1 unless that is the
    one that this Entrepot wants.

    Examples: `entrepot db status`, `entrepot db status --data /srv/entrepot --json`
    """
    place = _place(data=data, config=config)
    try:
        found, wanted = place.versions()
    except (OSError, sqlite3.Error) as error:
        fail(f"cannot read {place}: {error}")
    words = "there is no registry yet" if not found else f"schema {found}"
    advice = "" if found == wanted else f"; this Entrepot wants {wanted}: run entrepot db upgrade"
    document = {"database": str(place), "version": found, "wanted": wanted}
    done(f"{place}: {words}{advice}", document, as_json=as_json)
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


def _place(**options: object) -> Place:
    try:
        chosen = settings.load(options.pop("config"), **options)  # type: ignore[arg-type]
        return chosen.metadata()
    except settings.SettingsError as error:
        fail(str(error))
