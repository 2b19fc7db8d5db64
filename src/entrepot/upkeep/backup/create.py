"""`create`: a backup of a registry that goes on meanwhile.

Content is copied first, outside of any transaction, until little is new. Then one state of the
database is written down, and what came last is copied; no object is deleted in all that time. So
the backup is as the registry was at one moment, and it is one once its last file is there.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from entrepot import __version__
from entrepot.db import contents, gauges, keyed, moving, quarantine, tables
from entrepot.db.audit import By, Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.schema import VERSION
from entrepot.encryption.keys import Keyring
from entrepot.observe.metrics import BACKUP_AT
from entrepot.oci.layout import INDEX, MARK, SAYS
from entrepot.upkeep.backup import document, layout, rows
from entrepot.upkeep.backup.copying import Copying, Pass
from entrepot.upkeep.backup.document import CONTENTS, Backup, Rows, Sum
from entrepot.upkeep.backup.held import Held, holding
from entrepot.upkeep.backup.turn import Work, turn
from entrepot.upkeep.backup.vault import BackupError, Bytes, Vault
from entrepot.upkeep.moving.end import End
from entrepot.upkeep.moving.move import Show

_BY = By("entrepot", via="backup create")
_FEW = 64 * 1024 * 1024
"""Bytes that may be left to copy while the state of the database is held."""
_PASSES = 5
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class State:
    """What was written down of one state of the database."""

    tables: dict[str, Rows]
    files: dict[str, Sum]
    tags: int
    keys: tuple[str, ...]
    copied: Pass


def create(source: End, keyring: Keyring, vault: Vault, show: Show) -> Backup:
    """Make one. Raises `BackupError`, `SchemaError`, `EncryptionError`, `OSError` (of which is
    `StoreError`), `sqlite3.Error`; then there is none, but the next finds what was copied.
    """
    if not source.place.exists():
        raise BackupError(f"there is no registry in {source.place}: name its folder with --data")
    with (
        turn(vault, Work.CREATE) as renew,
        holding(source.place, renew) as held,
        TemporaryDirectory(prefix="entrepot-") as spool,
    ):
        copying = Copying(source.store, keyring, vault, show.add)
        with source.reading() as db:
            moving.check(db)
            keyed.check(db)
            _copy(db, copying, held, show)
            held.check()
            now = datetime.now(UTC)
            with db.snapshot():
                state = _write_down(db, copying, held, Path(spool), show)
        made = _made(source, now, state, copying.added)
        _put_all(vault, made, Path(spool), show)
        vault.settle()
        held.check()
        text = made.dump()
        vault.put(f"{made.folder}/{document.FILE}", [text], len(text))
        vault.settle()
    _tell(source, made, str(vault), now)
    return made


def _tell(source: End, made: Backup, where: str, now: datetime) -> None:
    """Have the registry know of it. The backup is made, also where that cannot be."""
    with suppress(sqlite3.Error), source.writing() as db, db.exclusive():
        gauges.put(db, {BACKUP_AT: now.timestamp()})
        record_access(db, Event("backup create", _BY, reference=f"{made.id} {where}"))


def _copy(db: Connection, copying: Copying, held: Held, show: Show) -> None:
    """Pass after pass, while much is new."""
    for _ in range(_PASSES):
        show.begin("copying images, pushes go on", quarantine.total(db), "bytes")
        if copying.copy(db, held.is_good).added < _FEW:
            return


def _write_down(db: Connection, copying: Copying, held: Held, spool: Path, show: Show) -> State:
    """Tables and tags, and what is still to be copied, as they are now."""
    kept = rows.kept()
    show.begin("writing down tables", sum(tables.count(db, table) for table in kept), "rows")
    found, files = dict[str, Rows](), dict[str, Sum]()
    for table in kept:
        name = rows.file_of(table.name)
        found[table.name], files[name] = rows.dump(db, table, spool / name, show.add)
    written, files[INDEX] = rows.write_lines(spool / INDEX, layout.index(contents.tagged(db)))
    _, files[MARK] = rows.write_lines(spool / MARK, [f"{SAYS}\n"])
    show.begin("copying what came meanwhile", quarantine.total(db), "bytes")
    copied = copying.copy(db, held.is_good)
    lines = (f"{digest} {size}\n" for digest, size in sorted(copied.there.items()))
    _, files[CONTENTS] = rows.write_lines(spool / CONTENTS, lines)
    return State(found, files, written - 2, tuple(contents.keys(db)), copied)


def _made(source: End, now: datetime, state: State, added: int) -> Backup:
    return Backup(
        id=document.new_id(now),
        created_at=now.isoformat(timespec="microseconds"),
        source=str(source),
        version=__version__,
        schema=VERSION,
        keys=state.keys,
        lost=tuple(sorted(state.copied.lost)),
        contents=len(state.copied.there),
        size=sum(state.copied.there.values()),
        added=added,
        tags=state.tags,
        tables=state.tables,
        files=state.files,
    )


def _put_all(vault: Vault, made: Backup, spool: Path, show: Show) -> None:
    total = sum(each.size for each in made.files.values())
    show.begin("sending tables", total, "bytes")
    for name, each in made.files.items():
        vault.put(f"{made.folder}/{name}", _strides(spool / name), each.size)
        show.add(each.size)


def _strides(file: Path) -> Iterator[Bytes]:
    with file.open("rb") as stream:
        while stride := stream.read(_CHUNK):
            yield stride
