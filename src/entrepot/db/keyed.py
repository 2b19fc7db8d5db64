"""What is sealed by which key: how much there is of it, and sealing it anew by the current one.

A row is sealed anew in one transaction, and says itself by which key: so a walk over the rows can
be cut anywhere and be made again. Objects are not touched: their data keys are in rows, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.db import sealed
from entrepot.db.connection import Connection
from entrepot.db.sealed import Sealed
from entrepot.encryption.envelope import BrokenSealError
from entrepot.encryption.keys import EncryptionError

_TRIED = 20
"""Rows of a key of which one must open for the key to be the right one."""


@dataclass(frozen=True, slots=True)
class Column:
    """Where a sealed value lies."""

    kind: str
    """The first word of its context; the second is the row's identity."""
    name: str
    text: bool = False
    hollow: bool = False
    """Whether an empty one says that nothing lies there, and so is not sealed."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with sealed values. All those of a row are sealed by the key that it names."""

    name: str
    row: str
    """The column that its rows are found by."""
    identity: str
    columns: tuple[Column, ...]
    size: str
    """What it tells of how much there is, in SQL."""
    where: str
    """Which rows have something that can be sealed."""
    damaged: bool = False
    """Whether it lies in quarantine, and may open by no key: then it is sealed as it lies."""


_DATA_KEY = (Column("object", "data_key"),)
OBJECTS = Table("piece", "name", "name", _DATA_KEY, "size", "key is not null")
ASIDE = Table("quarantined_piece", "name", "name", _DATA_KEY, "size", "key is not null", True)
TABLES = (
    Table(
        "manifest",
        "id",
        "digest",
        (
            Column(Sealed.MANIFEST, "content", hollow=True),
            Column(Sealed.ANNOTATIONS, "annotations", text=True),
        ),
        "size",
        "1 = 1",
    ),
    Table("blob", "id", "digest", (Column(Sealed.BLOB, "content"),), "size", "content is not null"),
    Table("upload", "id", "id", (Column(Sealed.UPLOAD, "content"),), "size", "content is not null"),
    Table(
        "signing_key",
        "id",
        "id",
        (Column(Sealed.SIGNING_KEY, "private", text=True),),
        "length(private)",
        "1 = 1",
    ),
    Table(
        "webhook",
        "id",
        "id",
        (
            Column(Sealed.WEBHOOK_URL, "url", text=True),
            Column(Sealed.WEBHOOK_SECRET, "secret", text=True),
            Column(Sealed.WEBHOOK_SECRET_BEFORE, "secret_before", text=True),
        ),
        "length(url)",
        "1 = 1",
    ),
    Table(
        "upstream",
        "project",
        "project",
        (Column(Sealed.UPSTREAM_SECRET, "secret", text=True),),
        "length(secret)",
        "1 = 1",
    ),
    Table(
        "replication",
        "name",
        "name",
        (Column(Sealed.REPLICATION_SECRET, "secret", text=True),),
        "length(secret)",
        "1 = 1",
    ),
    OBJECTS,
    *(
        Table(
            "quarantine",
            "id",
            "digest",
            (Column(kind, "content"),),
            "size",
            f"kind = '{kind.value}' and content is not null",
            damaged=True,
        )
        for kind in (Sealed.MANIFEST, Sealed.BLOB)
    ),
    ASIDE,
)


class WrongKeyError(EncryptionError):
    """The database cannot be opened with the keys that were given."""


def check(db: Connection) -> None:
    """Raise `WrongKeyError` where something is sealed by a key that is not here, or is another."""
    missing = [key for key in used(db) if not db.keyring.has(key)]
    if missing:
        keys = f"the key {missing[0]}" if len(missing) == 1 else f"the keys {', '.join(missing)}"
        raise WrongKeyError(
            f"what lies here was encrypted by {keys}, which is not among those that were given: "
            "see ENTREPOT_ENCRYPTION_KEY_FILE"
        )
    for key in used(db):
        _try(db, key)


def used(db: Connection) -> list[str]:
    """Ids of keys that something is sealed by."""
    found: set[str] = set()
    for table in TABLES:
        last = ""
        while last is not None:
            (last,) = db.execute(
                f"select min(key) from {table.name} where key > ?", (last,)
            ).fetchone()
            found |= {last} - {None}
    return sorted(found)


def _try(db: Connection, key: str) -> None:
    """One row that was spoiled says nothing of the key; none that opens says all."""
    wrong = False
    for table in TABLES:
        rows = db.execute(
            f"select {_selected(table)} from {table.name} where key = ? and {table.where} limit ?",
            (key, _TRIED),
        ).fetchall()
        for row in rows:
            if not any(row[2:]):  # nothing lies there
                continue
            try:
                _opened(db, table, row)
            except BrokenSealError:
                wrong = wrong or not table.damaged
                continue
            return
    if wrong:
        raise WrongKeyError(
            f"what was encrypted by the key {key} does not open with the key that has this id "
            "here: it is another one"
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """How much is sealed by a key."""

    table: str
    key: str | None
    """None: it lies plain."""
    rows: int
    bytes: int


def usage(db: Connection) -> Iterator[Usage]:
    """All of it. These queries read whole tables."""
    for table in TABLES:
        where = "number is not null" if table is OBJECTS else table.where
        rows = db.execute(
            f"select key, count(*), cast(coalesce(sum({table.size}), 0) as bigint) "
            f"from {table.name} where {where} group by key order by coalesce(key, '')"
        )
        yield from (Usage(table.name, *row) for row in rows.fetchall())


def stale(db: Connection, table: Table, after: Any, limit: int) -> list[Any]:
    """Rows, from the one behind `after` on, that are not sealed by the current key."""
    key = db.keyring.current
    if key is None:
        return []
    behind = "" if after is None else f"and {table.row} > :after"
    rows = db.execute(
        f"select {table.row} from {table.name} where {table.where} "
        f"and key is distinct from :key {behind} order by {table.row} limit :limit",
        {"key": key.id, "after": after, "limit": limit},
    )
    return [row for (row,) in rows]


def reseal(db: Connection, table: Table, rows: Sequence[Any]) -> list[str]:
    """Seal rows by the current key; why some of them cannot be opened, which stay as they are."""
    return [why for row in rows if (why := _reseal(db, table, row))]


def _reseal(db: Connection, table: Table, row: Any) -> str:
    current = db.keyring.current
    assert current is not None
    found = db.execute(
        f"select {_selected(table)} from {table.name} where {table.row} = ? "
        f"and key is distinct from ? and {table.where}",
        (row, current.id),
    ).fetchone()
    if found is None:  # it went, or is as it should be
        return ""
    try:
        values = _opened(db, table, found)
    except BrokenSealError as error:
        if not table.damaged:
            return str(error)
        values = list(found[2:])
    except (EncryptionError, UnicodeDecodeError) as error:
        return str(error)
    kept = [
        _sealed(db, column, found[0], value)
        for column, value in zip(table.columns, values, strict=True)
    ]
    sets = ", ".join(f"{column.name} = ?" for column in table.columns)
    db.execute(
        f"update {table.name} set {sets}, key = ? where {table.row} = ?", (*kept, current.id, row)
    )
    return ""


def _selected(table: Table) -> str:
    return ", ".join((table.identity, "key", *(column.name for column in table.columns)))


def _opened(db: Connection, table: Table, row: Sequence[Any]) -> list[bytes | str | None]:
    identity, key, *kept = row
    return [
        _unsealed(db, column, identity, value, key)
        for column, value in zip(table.columns, kept, strict=True)
    ]


def _unsealed(
    db: Connection, column: Column, identity: str, value: Any, key: str | None
) -> bytes | str | None:
    if value is None or (column.hollow and not value):
        return None if value is None else b""
    context = (column.kind, identity)
    if column.text:
        return sealed.unseal_text(db, context, value, key)
    return sealed.unseal(db, context, value, key)


def _sealed(
    db: Connection, column: Column, identity: str, value: bytes | str | None
) -> bytes | str | None:
    context = (column.kind, identity)
    if value is None or (column.hollow and not value):
        return value
    if isinstance(value, str):
        return sealed.seal_text(db, context, value)[0]
    return sealed.seal(db, context, value)[0]
