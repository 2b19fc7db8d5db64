"""`entrepot check`: compare the database with what is stored, and mend what can be mended."""

import contextlib
import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from entrepot import settings
from entrepot.blobstore.store import Store, StoreError
from entrepot.blobstore.stores import store_at
from entrepot.cli.options import Config, Data, Json, Yes, confirm, fail
from entrepot.db import keyed, moving
from entrepot.db.connection import Connection
from entrepot.db.place import Place
from entrepot.db.schema import SchemaError
from entrepot.encryption.keys import EncryptionError
from entrepot.upkeep import misplaced
from entrepot.upkeep.check import RESTORE, findings, unreadable
from entrepot.upkeep.finding import Finding, Kind

_BATCH = 100
"""Findings that are mended in one transaction."""


def check(
    *,
    data: Data = None,
    config: Config = None,
    read: Annotated[bool, typer.Option(help="Read and hash every blob, too.")] = True,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --repair: say what it would do.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Compare database and store; say what is wrong. A server may be running, also for --repair.

    Ends with 0 where all that was pushed is intact, with 1 where something is damaged, or was put
    in quarantine and is to be pushed again.

    Examples: `entrepot check --data /srv/entrepot`, `entrepot check --no-read --json`,
    `entrepot check --repair --dry-run`
    """
    place, store = _opened(config, data)
    try:
        found = _findings(place, store, read=read)
        mended = _mend(place, store, found, dry_run=dry_run, yes=yes) if repair else set()
    except (SchemaError, StoreError, EncryptionError) as error:
        fail(str(error))
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        fail(f"cannot use {place}: {why}; run it as the user of the server")
    for each in found:
        typer.echo(_json(each, mended) if as_json else _text(each, mended, planned=dry_run))
    if not as_json:
        typer.echo(_summary(found, mended))
    left = [each for each in found if each not in mended or not (each.mend and each.mend.heals)]
    raise typer.Exit(1 if any(each.damage for each in left) else 0)


def _opened(config: Path | None, data: Path | None) -> tuple[Place, Store]:
    try:
        chosen = settings.load(config, data=data)
        keyring = chosen.keyring()
        place = chosen.metadata(keyring)
        if not place.exists():
            fail(f"there is no registry in {place}: name its folder with --data")
        return place, store_at(chosen.data, chosen.place, keyring)
    except (settings.SettingsError, SchemaError, StoreError, EncryptionError) as error:
        fail(str(error))
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        fail(f"cannot read {place}: {why}; run it as the user of the server")


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


def _mend(
    place: Place, store: Store, found: list[Finding], *, dry_run: bool, yes: bool
) -> set[Finding]:
    """Mend what can be mended, if whoever runs it says so; what was."""
    wanted = [each for each in found if each.mend is not None]
    if not wanted or dry_run:
        return set()
    if any(each.advice == RESTORE for each in found):
        typer.echo("nothing is mended: the database is damaged, restore a backup first", err=True)
        return set()
    mended: set[Finding] = set()
    with contextlib.closing(place.connect()) as db:
        _check_fit(db, store)
        _ask(wanted, yes=yes)
        for first in range(0, len(wanted), _BATCH):
            mended |= _apply(db, store, wanted[first : first + _BATCH])
            place.announce()
    return mended


def _check_fit(db: Connection, store: Store) -> None:
    moving.check(db)
    if moving.frozen(db) is not None:
        fail("the registry is being moved, and lies still: repair it afterwards", 1)
    misplaced.check(db, store)  # or all there is would be put aside


def _ask(wanted: list[Finding], *, yes: bool) -> None:
    counts = Counter(str(each.mend) for each in wanted)
    for text, count in counts.items():
        typer.echo(f"{count} times: {text}", err=True)
    confirm("do that?", yes=yes)


def _apply(db: Connection, store: Store, batch: list[Finding]) -> set[Finding]:
    """Those that were mended: what stands is looked at before others are held up."""
    standing = [each for each in batch if each.mend and each.mend.stands(db, store)]
    with db.exclusive():
        return {each for each in standing if each.mend and each.mend.apply(db)}


def _json(finding: Finding, mended: set[Finding]) -> str:
    return json.dumps(
        {
            "kind": finding.kind.value,
            "subject": finding.subject,
            "what": finding.what,
            "advice": finding.advice,
            "mend": str(finding.mend) if finding.mend else None,
            "mended": finding in mended,
        }
    )


def _text(finding: Finding, mended: set[Finding], *, planned: bool) -> str:
    kind = "DAMAGED" if finding.damage else finding.kind.value
    head = f"{kind:<8} {finding.subject}: {finding.what}"
    if finding in mended:
        return f"{head}; mended: {finding.mend}"
    if planned and finding.mend:
        return f"{head}; --repair would {finding.mend}"
    return f"{head}; {finding.advice}"


def _summary(found: list[Finding], mended: set[Finding]) -> str:
    counts = Counter(each.kind for each in found)
    words = [f"{counts[Kind.DAMAGE]} damaged", f"{counts[Kind.LEFTOVER]} leftovers"]
    if counts[Kind.STALE]:
        words.insert(1, f"{counts[Kind.STALE]} stale")
    if mended:
        words.append(f"{len(mended)} mended")
    elif any(each.mend for each in found):
        words.append("--repair mends what can be mended")
    return ", ".join(words)
