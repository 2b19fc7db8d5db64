"""`entrepot recover`: when nobody knows the admin's password any more."""

import contextlib
import sqlite3
from typing import Annotated

import typer

from entrepot import settings
from entrepot.cli.options import Config, Data, Json, fail
from entrepot.cli.output import done
from entrepot.db.schema import SchemaError


def recover(
    *,
    user: Annotated[str, typer.Option("--user", "-u", help="Whom to make an admin.")] = "admin",
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a user an admin with a new password, shown once. Works on the data folder itself.

    Whoever can write that folder can do this; the audit shows it. A server may be running.

    Example: `entrepot recover --data /srv/entrepot`
    """
    from entrepot.auth import actor, bootstrap

    try:
        chosen = settings.load(config, data=data)
        place = chosen.metadata(chosen.keyring())
        name = actor.parse_name(user)
    except (settings.SettingsError, ValueError) as error:
        fail(str(error))
    try:
        if not place.exists():
            fail(f"there is no registry in {place}: name its folder with --data")
        place.prepare()
        with contextlib.closing(place.connect()) as db:
            password = bootstrap.recover(db, name)
        place.announce()
    except (OSError, sqlite3.Error, SchemaError) as error:
        fail(f"cannot use {place}: {error}; run it as the user of the server")
    document = {"user": name, "password": password}
    done(f"{name} is an admin with the password\n    {password}", document, as_json=as_json)
