"""`create`: a backup of a registry that goes on meanwhile.

Content is copied first, outside of any transaction, until little is new. Then one state of the
database is written down, and what came last is copied; no object is deleted in all that time. So
the backup is as the registry was at one moment, and it is one once its last file is there.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import TemporaryFile

from entrepot import __version__
from entrepot.db import audit, contents, gauges, keyed, moving, tables
from entrepot.db.audit import By, Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.contents import Content
from entrepot.db.schema import VERSION
from entrepot.encryption.keys import Keyring
from entrepot.observe.names import BACKUP_AT
from entrepot.oci.layout import INDEX, MARK, SAYS
from entrepot.upkeep.backup import document, layout, reading, rows
from entrepot.upkeep.backup.copying import Copying, Pass
from entrepot.upkeep.backup.document import Backup, Rows, Sum
from entrepot.upkeep.backup.held import Held, holding
from entrepot.upkeep.backup.parts import Changed, Parts
from entrepot.upkeep.backup.past import Past, look
from entrepot.upkeep.backup.reading import NAMING
from entrepot.upkeep.backup.spool import Spool
from entrepot.upkeep.backup.turn import Work, turn
from entrepot.upkeep.backup.vault import BackupError, Vault
from entrepot.upkeep.moving.end import End
from entrepot.upkeep.moving.move import Show

_BY = By("entrepot", via="backup create")
_FEW = 64 * 1024 * 1024
"""Bytes that may be left to copy while the state of the database is held."""
_PASSES = 5
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class State:
    """What was written down of one state of the database."""

    tables: dict[str, Rows]
    files: dict[str, Sum]
    tags: int
    keys: tuple[str, ...]
    lost: tuple[str, ...]
    contents: int
    size: int


def create(
    source: End,
    keyring: Keyring,
    vault: Vault,
    show: Show,
    *,
    look_at_all: bool = False,
    anew: bool = False,
) -> Backup:
    """Make one, `anew` also where there were some, and nothing is any more.

    Raises `BackupError`, `SchemaError`, `EncryptionError`, `OSError` (of which is `StoreError`),
    `sqlite3.Error`; then there is none, but the next finds what was copied.
    """
    if not source.place.exists():
        raise BackupError(f"there is no registry in {source.place}: name its folder with --data")
    if not anew:
        _check_mounted(source, vault)
    with (
        turn(vault, Work.CREATE) as mine,
        holding(source.place) as held,
        TemporaryFile(prefix="entrepot-") as out,
    ):
        past = look(vault, str(source), datetime.now(UTC), all_of_it=look_at_all)
        copying, spool = Copying(source.store, keyring, vault, show.add, past.content), Spool(out)
        with source.reading() as db:
            moving.check(db)
            keyed.check(db)
            _copy(db, copying, past, held, show)
            held.check()
            now = datetime.now(UTC)
            with db.snapshot():
                state = _Writing(db, vault, past, copying, held, spool, show).state()
        made = _made(source, now, state, past, copying.added)
        show.begin("sending tables", spool.size, "bytes")
        spool.send(vault, made.folder, show.add)
        vault.settle()
        held.check()
        mine.check()
        text = made.dump()
        vault.put(f"{made.folder}/{document.FILE}", [text], len(text))
        vault.settle()
        vault.delete(list(past.marks))
    _tell(source, made, str(vault), now)
    return made


def _check_mounted(source: End, vault: Vault) -> None:
    """Raise where a disk seems to be away: what is below it would fill, and none would be found."""
    if not vault.is_bare():
        return
    with source.reading() as db:
        moving.check(db)
        if audit.marked(db, f"{moving.BACKED_UP}{vault}")[0]:
            raise BackupError(
                f"there were backups in {vault}, and it is empty: mount it; or, where they were "
                "taken away on purpose, run entrepot backup create --anew"
            )


def _tell(source: End, made: Backup, where: str, now: datetime) -> None:
    """Have the registry know of it. The backup is made, also where that cannot be."""
    with suppress(sqlite3.Error), source.writing() as db, db.exclusive():
        gauges.put(db, {BACKUP_AT: now.timestamp()})
        audit.mark(db, f"{moving.BACKED_UP}{where}", (1, ""))
        record_access(db, Event("backup create", _BY, reference=f"{made.id} {where}"))


def _copy(db: Connection, copying: Copying, past: Past, held: Held, show: Show) -> None:
    """Pass after pass, while much is new."""
    for _ in range(_PASSES):
        total = contents.total(db, past.highest)
        show.begin("copying images, pushes go on", total, "bytes")
        new = contents.pages(db, _PAGE, past.highest)
        if copying.copy(db, new, held.is_good).added < _FEW:
            return


@dataclass(frozen=True, slots=True)
class _Writing:
    """One state of the database is written down."""

    db: Connection
    vault: Vault
    past: Past
    copying: Copying
    held: Held
    spool: Spool
    show: Show

    def state(self) -> State:
        """Tables and tags, and what is still to be copied, as they are now."""
        kept = rows.kept()
        before = self.past.backup.tables if self.past.backup else {}
        total = sum(
            before[each.name].rows if each.name in before else tables.count(self.db, each)
            for each in kept
        )
        self.show.begin("writing down tables", total, "rows")
        parts = Parts(self.db, self.spool, self.show.add, named=self.past.there is None)
        found = {table.name: parts.of(table, self.past.parts(table.name)) for table in kept}
        index, named = self.spool.file(INDEX, layout.index(contents.tagged(self.db)))
        _, mark = self.spool.file(MARK, [f"{SAYS}\n"])
        copied = self._copy(parts.changed)
        only, size = contents.only_manifests(self.db)
        blobs = found["blob"]
        return State(
            tables=found,
            files={INDEX: named, MARK: mark},
            tags=index - 2,
            keys=tuple(contents.keys(self.db)),
            lost=tuple(sorted(copied.lost)),
            contents=blobs.rows + only - len(copied.lost),
            size=sum(part.content for part in blobs.parts) + size - copied.lost_bytes,
        )

    def _copy(self, changed: Changed) -> Pass:
        """What came meanwhile."""
        before = self.past.backup
        if before is None or self.past.there is not None:
            new: Iterable[list[Content]] = contents.pages(self.db, _PAGE)
            total = contents.total(self.db)
        else:
            total = sum(each.size for each in changed.contents)
            for part in (part for name in NAMING for part in changed.parts.get(name, ())):
                with suppress(BackupError):  # then the vault is asked for each
                    self.copying.know(list(reading.contents_of(self.vault, before, part)))
            new = [changed.contents]
        self.show.begin("copying what came meanwhile", total, "bytes")
        return self.copying.copy(self.db, new, self.held.is_good)


def _made(source: End, now: datetime, state: State, past: Past, added: int) -> Backup:
    return Backup(
        id=document.new_id(now, past.last),
        created_at=now.isoformat(timespec="microseconds"),
        looked_at=past.looked_at.isoformat(timespec="seconds"),
        source=str(source),
        version=__version__,
        schema=VERSION,
        keys=state.keys,
        lost=state.lost,
        contents=state.contents,
        size=state.size,
        added=added,
        tags=state.tags,
        tables=state.tables,
        files=state.files,
    )
