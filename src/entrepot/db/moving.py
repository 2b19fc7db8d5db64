"""A registry on the move: frozen where it was, unfinished where it goes.

While it is frozen the database itself refuses, by triggers, whatever would change the registry: so
no write that was on its way slips in behind the copy, whichever process it comes from. The audit
goes on, and so do the notes of when a credential was used last. Next: `upkeep.moving`.
"""

import sqlite3
from collections.abc import Iterator

from entrepot.db import audit
from entrepot.db.audit import By, Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.schema import SchemaError
from entrepot.db.tables import Table, tables
from entrepot.oci.errors import Code, OCIError

WORDS = "this registry is being moved: pulls work, pushes are back soon"

FROZEN = "frozen"
"""The marker of a registry that is frozen; its text says where it goes."""

UNFINISHED = "moved from"
"""The marker of a copy that has not come to its end; its text says where it comes from."""

BACKUP = "backup "
"""How that text begins where it comes from a backup."""

BACKED_UP = "backups at "
"""How the marker of a place begins where backups were made; a backup has none of these."""

OWN = (FROZEN, UNFINISHED, audit.NEWEST)
"""Markers that belong to one database, and are not copied."""

RETRY_SECONDS = 30

_GOES_ON = ("audit", "gauge", "job", "manifest_use", "marker")
_NOTED = {"account": "seen_at", "secret": "used_at", "permission": "used_at"}
"""Columns that pulls write."""


def frozen(db: Connection) -> str | None:
    """Where a frozen registry goes; None where it is none."""
    row = db.execute("select text from marker where name = ?", (FROZEN,)).fetchone()
    return row[0] if row else None


class FrozenError(OCIError):
    """A change of a frozen registry."""

    def __init__(self) -> None:
        after = ((b"retry-after", str(RETRY_SECONDS).encode()),)
        super().__init__(Code.UNAVAILABLE, WORDS, headers=after)


def told(error: Exception) -> Exception:
    """The same for what a trigger raised; any other error as it is."""
    return FrozenError() if isinstance(error, sqlite3.Error) and WORDS in str(error) else error


def freeze(db: Connection, target: str, by: By) -> None:
    """Refuse changes from now on. Call it in an exclusive transaction, then announce it."""
    if frozen(db) is not None:
        _drop(db)
    record_access(db, Event("registry freeze", by, reference=target))
    audit.mark(db, FROZEN, (1, target))
    for statement in _triggers(db.dialect):
        db.execute(statement)


def thaw(db: Connection, by: By) -> bool:
    """Take changes again; False where it is not frozen. In an exclusive transaction, too."""
    target = frozen(db)
    if target is None:
        return False
    _drop(db)
    db.execute("delete from marker where name = ?", (FROZEN,))
    record_access(db, Event("registry thaw", by, reference=target))
    return True


def unfinished(db: Connection) -> str | None:
    """Where an unfinished copy comes from; None where this is none."""
    row = db.execute("select text from marker where name = ?", (UNFINISHED,)).fetchone()
    return row[0] if row else None


def mark_unfinished(db: Connection, source: str) -> None:
    """Say that a copy begins here."""
    audit.mark(db, UNFINISHED, (1, source))


def clear_markers(db: Connection) -> None:
    """Take out those that are copied."""
    marks = ", ".join("?" * len(OWN))
    db.execute(f"delete from marker where name not in ({marks})", OWN)


def finish(db: Connection, by: By, what: str = "registry moved") -> None:
    """Say that the copy is whole, and may be served."""
    source = unfinished(db)
    db.execute("delete from marker where name = ?", (UNFINISHED,))
    record_access(db, Event(what, by, reference=source or ""))


def check(db: Connection) -> None:
    """Raise `SchemaError` for an unfinished copy: nobody may serve from it."""
    source = unfinished(db)
    if source is not None:
        command = "backup restore" if source.startswith(BACKUP) else "db copy"
        raise SchemaError(
            f"the copy of {source} into this database is not finished: run entrepot {command} again"
        )


def _guarded() -> Iterator[Table]:
    return (table for table in tables() if table.name not in _GOES_ON)


def _columns(table: Table) -> str:
    """Those which no update may change."""
    return ", ".join(name for name in table.columns if name != _NOTED.get(table.name))


def _triggers(dialect: str) -> Iterator[str]:
    if dialect == "postgresql":
        yield (
            "create or replace function entrepot_frozen() returns trigger language plpgsql "
            f"as $$ begin raise exception using message = '{WORDS}'; end $$"
        )
    for table in _guarded():
        if dialect == "postgresql":
            yield (
                f"create trigger frozen before insert or delete or update of {_columns(table)} "
                f"on {table.name} for each row execute function entrepot_frozen()"
            )
        else:
            for name, what in _kinds(table):
                yield (
                    f"create trigger frozen_{table.name}_{name} before {what} on {table.name} "
                    f"begin select raise(abort, '{WORDS}'); end"
                )


def _kinds(table: Table) -> list[tuple[str, str]]:
    changed = f"update of {_columns(table)}"
    return [("insert", "insert"), ("delete", "delete"), ("update", changed)]


def _drop(db: Connection) -> None:
    if db.dialect == "postgresql":
        db.execute("set local lock_timeout = '10s'")  # who waits here holds up all who read
        for table in _guarded():
            db.execute(f"drop trigger if exists frozen on {table.name}")
        return
    for table in _guarded():
        for name, _ in _kinds(table):
            db.execute(f"drop trigger if exists frozen_{table.name}_{name}")
