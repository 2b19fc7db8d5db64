"""`entrepot check`: compare the database with what is stored."""

import contextlib
import json
import sqlite3
from typing import Annotated

import typer

from entrepot import settings
from entrepot.blobstore.store import Store, StoreError
from entrepot.blobstore.stores import store_at
from entrepot.cli.options import Config, Data, Json, fail
from entrepot.db import keyed
from entrepot.db.place import Place
from entrepot.db.schema import SchemaError
from entrepot.encryption.keys import EncryptionError
from entrepot.upkeep.check import Finding, findings, unreadable


def check(
    *,
    data: Data = None,
    config: Config = None,
    read: Annotated[bool, typer.Option(help="Read and hash every blob, too.")] = True,
    as_json: Json = False,
) -> None:
    """Compare database and store; say what is wrong. Changes nothing; a server may be running.

    Ends with 0 where all that was pushed is intact, with 1 where something is damaged.

    Examples: `entrepot check --data /srv/entrepot`, `entrepot check --no-read --json`
    """
    try:
        chosen = settings.load(config, data=data)
        keyring = chosen.keyring()
        place = chosen.metadata(keyring)
    except settings.SettingsError as error:
        fail(str(error))
    try:
        if not place.exists():
            fail(f"there is no registry in {place}: name its folder with --data")
        store = store_at(chosen.data, chosen.place, keyring)
        found = _findings(place, store, read=read)
    except (SchemaError, StoreError, EncryptionError) as error:
        fail(str(error))
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        fail(f"cannot read {place}: {why}; run it as the user of the server")
    damaged = sum(finding.damage for finding in found)
    for finding in found:
        typer.echo(_json(finding) if as_json else _text(finding))
    if not as_json:
        typer.echo(f"{damaged} damaged, {len(found) - damaged} leftovers")
    raise typer.Exit(1 if damaged else 0)


def _findings(place: Place, store: Store, *, read: bool) -> list[Finding]:
    found: list[Finding] = []
    try:
        with contextlib.closing(place.connect_to_read()) as db:
            keyed.check(db)
            found.extend(findings(db, store, read=read))
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
        found.append(unreadable(error))
    return found


def _is_damage(error: sqlite3.Error) -> bool:
    """Other errors tell of who asks, or when: no rights, a lock, a disk that does not answer."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _json(finding: Finding) -> str:
    return json.dumps(
        {
            "kind": "damage" if finding.damage else "leftover",
            "subject": finding.subject,
            "what": finding.what,
            "advice": finding.advice,
        }
    )


def _text(finding: Finding) -> str:
    kind = "DAMAGED " if finding.damage else "leftover"
    return f"{kind} {finding.subject}: {finding.what}; {finding.advice}"
