"""`restore`: a backup becomes a registry, in an empty database and an empty store.

Objects come first, all rows behind them in one transaction. Nobody serves from it before it is
finished. What comes is written as the target's settings say, sealed by its keys where it has some.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from entrepot.db import keyed, moving, replications, tables
from entrepot.db.audit import By, Event
from entrepot.db.chain import Chain
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.tables import Table
from entrepot.encryption.keys import Keyring
from entrepot.upkeep.backup import document, rows
from entrepot.upkeep.backup.document import Backup
from entrepot.upkeep.backup.held import holding
from entrepot.upkeep.backup.objects import Objects
from entrepot.upkeep.backup.opened import Opened
from entrepot.upkeep.backup.vault import BackupError, LostError
from entrepot.upkeep.backup.words import are
from entrepot.upkeep.moving.end import End, MoveError, TakenError, claim
from entrepot.upkeep.moving.move import Show

_BY = By("entrepot", via="backup restore")
_THREADS = 8
_PAGE = 64
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done."""

    rows: int
    objects: int
    """How many were written; others were there already."""
    bytes: int
    """Of all objects."""
    paused: tuple[str, ...] = ()
    """Replications that pushed, and do not before somebody says so."""


def restore(
    opened: Opened, target: End, keyring: Keyring, show: Show, *, without_damaged: bool = False
) -> Restored:
    """Make the registry anew. Raises `BackupError`, `MoveError`, `EncryptionError`, `OSError`,
    `sqlite3.Error`; then it can be run again.
    """
    backup = opened.backup
    _check(backup, keyring)
    name = f"{moving.BACKUP}{backup.id}"
    claim(target, name)
    with holding(target.place):
        claim(target, name)  # another may have finished it meanwhile
        with _unpruned(opened):
            made = _restore(opened, target, show, without_damaged=without_damaged)
        return replace(made, paused=tuple(_finish(target, backup)))


def is_taken(target: End) -> bool:
    """Whether there is a registry already; one that is half restored is none."""
    found, wanted = target.place.versions()
    if found != wanted:
        return found > 0
    with target.reading() as db:
        if moving.unfinished(db) is not None:
            return False
        return any(tables.has_rows(db, table) for table in tables.tables())


def _restore(opened: Opened, target: End, show: Show, *, without_damaged: bool) -> Restored:
    objects = Objects(opened, target.store, show.add)
    large = objects.large()
    show.begin("restoring objects", sum(large.values()), "bytes")
    with target.writing() as db:
        objects.write(db, large)
        if not without_damaged:
            _check_whole(opened)
        with db.exclusive():
            _check_unfinished(db, target)
            count = _restore_rows(db, opened, show)
            if not without_damaged:
                _check_whole(opened)
    return Restored(count, objects.written, sum(large.values()))


def _check(backup: Backup, keyring: Keyring) -> None:
    """Raise where these keys cannot make it."""
    missing = [key for key in backup.keys if not keyring.has(key)]
    if missing:
        raise BackupError(
            f"backup {backup.id} has secrets that are sealed by the key {', '.join(missing)}: give "
            "that key, too, by ENTREPOT_ENCRYPTION_KEY_FILE; it may come after the current one"
        )


@contextmanager
def _unpruned(opened: Opened) -> Iterator[None]:
    """Where content is missing since the backup was pruned meanwhile, say that. Raises
    `BackupError`.
    """
    fault: BackupError | None = None
    try:
        yield
    except BackupError as error:
        fault = error
    id_ = opened.backup.id
    if (fault or opened.damaged) and id_ not in document.ids(opened.vault)[0]:
        raise BackupError(
            f"backup {id_} was pruned while it was restored: take another one, into an empty "
            "database"
        )
    if fault:
        raise fault


def _check_whole(opened: Opened) -> None:
    """Raise where something is damaged in the backup."""
    found = opened.damaged
    if found:
        shown = "; ".join(f"{digest}: {why}" for digest, why in list(found.items())[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise BackupError(
            f"{are(len(found), 'content')} damaged in backup {opened.backup.id}: {shown}{more}; "
            "take another backup, or restore the rest with --without-damaged"
        )


def _check_unfinished(db: Connection, target: End) -> None:
    """The hold may have lapsed while others wrote: nothing is taken out that is served."""
    if moving.unfinished(db) is None:
        raise TakenError(f"{target.place} was restored by another meanwhile")


def _restore_rows(db: Connection, opened: Opened, show: Show) -> int:
    """All rows, in one transaction; how many."""
    rows.clear(db)
    total = opened.count()
    show.begin("restoring tables", total, "rows")
    has = opened.contents().keys() - opened.damaged.keys()
    with ThreadPoolExecutor(_THREADS, "entrepot-restore") as pool:
        for table in rows.kept():
            for page in opened.pages(table.name, _PAGE):
                contents = list(pool.map(partial(_content, opened, table, has), page))
                found = zip(page, contents, strict=True)
                tables.insert(db, table, [rows.row_of(db, table, *each) for each in found])
                show.add(len(page))
            if table.counted:
                tables.count_from(db, table, opened.highest(table.name))
    return total


def _content(opened: Opened, table: Table, has: set[str], row: dict[str, Any]) -> bytes | None:
    """What lies in the row itself; None where that lies elsewhere, or is lost."""
    if not rows.is_small(table, row) or row["digest"] not in has:
        return None
    try:
        return b"".join(bytes(stride) for stride in opened.strides(row["digest"]))
    except LostError:
        return None


def _finish(target: End, backup: Backup) -> list[str]:
    """Let it be served; which replications were paused. Others may have newer tags than it has,
    and it would move them back.
    """
    with target.reading() as db:
        keyed.check(db)
    faults = list(Chain(target.place.connect_to_read).faults())
    if faults:
        raise MoveError(f"the audit does not verify: {'; '.join(faults[:_SHOWN])}")
    why = f"a backup of {backup.created_at[:16]} is restored: what is there may be newer"
    with target.writing() as db, db.exclusive():
        paused = replications.hold_pushes(db, why)
        for name in paused:
            record_access(db, Event("replication change", _BY, reference=f"replication:{name}"))
        moving.finish(db, _BY, "registry restored")
    target.place.announce()
    return paused
