"""Rows as lines of JSON, an object with the columns for each row.

What content has of its own, and where it lies, is left out: it is found under its digest. So is
what belongs to the one place alone: objects and garbage, uploads under way, jobs, the quarantine.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from json.encoder import encode_basestring_ascii
from typing import Any

from entrepot.db import annotations, moving, sealed, tables
from entrepot.db.connection import Connection
from entrepot.db.pieces import SMALL
from entrepot.db.schema import VERSION
from entrepot.db.sealed import Sealed
from entrepot.db.stretches import Reading
from entrepot.db.tables import Row, Table
from entrepot.encryption.envelope import BrokenSealError

_LEFT = {
    "fetching",
    "garbage",
    "gauge",
    "job",
    "piece",
    "quarantine",
    "quarantined_piece",
    "sign_on",
    "upload",
}
_WITHOUT = {"blob": ("content", "key", "object"), "manifest": ("content", "key")}


def kept(version: int = VERSION) -> list[Table]:
    """Tables that a backup has, in an order in which what a row refers to comes before it."""
    return [table for table in tables.tables(version) if table.name not in _LEFT]


def lines(
    db: Connection, table: str, columns: tuple[str, ...], found: Iterable[Row]
) -> Iterator[str]:
    """Rows as lines of JSON. Raises `EncryptionError`."""
    without = _WITHOUT.get(table, ())
    places = [i for i, column in enumerate(columns) if column not in without]
    line = "{" + ", ".join(f"{json.dumps(columns[i])}: %s" for i in places) + "}\n"
    for values in found:
        row = values
        if table == "marker" and _is_own(row[columns.index("name")]):
            continue
        if table == "manifest":
            named = dict(zip(columns, values, strict=True))
            row = tuple({**named, "annotations": _opened(db, named)}.values())
        yield line % tuple([_written(row[i]) for i in places])


def count(db: Connection, reading: Reading) -> int:
    """How many rows of a table a backup has."""
    own = 0
    if reading.table.name == "marker":
        own = sum(_is_own(name) for (name,) in db.execute("select name from marker").fetchall())
    return reading.count() - own


def _is_own(marker: str) -> bool:
    """Whether it is of the one place alone."""
    return marker in moving.OWN or marker.startswith(moving.BACKED_UP)


def _written(value: Any) -> str:
    """As JSON has it; a backup writes millions of them."""
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is int or kind is float:
        return repr(value)
    return "null" if value is None else json.dumps(value)


def _opened(db: Connection, row: Mapping[str, Any]) -> str | None:
    text = row["annotations"]
    if text is None:
        return None
    try:
        return annotations.opened(db, row["digest"], text, row["key"])
    except BrokenSealError:  # nor is its content whole, of which more is told
        return "{}"


def clear(db: Connection) -> None:
    """Take out what a restore that was cut has left, but the mark that it is one."""
    for table in reversed(kept()):
        if table.name == "marker":
            moving.clear_markers(db)
        else:
            tables.clear(db, table)


def row_of(db: Connection, table: Table, found: dict[str, Any], content: bytes | None) -> Row:
    """A row as it is kept here, of what a line says, and its content where it lies in the row."""
    if table.name == "manifest":
        found |= _manifest(db, found, content)
    elif table.name == "blob":
        found |= _blob(db, found, content)
    return tuple(_storable(found[column]) for column in table.columns)


def _storable(value: Any) -> Any:
    """PostgreSQL keeps no NUL in a text."""
    return value.replace("\0", "\u2400") if isinstance(value, str) else value


def _manifest(db: Connection, row: Mapping[str, Any], content: bytes | None) -> dict[str, Any]:
    """Without content where that is lost: then it is served no more, until it is pushed again."""
    digest, text = row["digest"], row["annotations"]
    key = db.keyring.current
    if content is not None:
        content, _ = sealed.seal(db, (Sealed.MANIFEST, digest), content)
    if text is not None:
        text, _ = sealed.seal_text(db, (Sealed.ANNOTATIONS, digest), text)
    return {"content": content or b"", "annotations": text, "key": key.id if key else None}


def _blob(db: Connection, row: Mapping[str, Any], content: bytes | None) -> dict[str, Any]:
    """With its content, or the name that its pieces go by."""
    digest = row["digest"]
    if content is None:
        return {"content": None, "key": None, "object": owner(digest)}
    kept, key = sealed.seal(db, (Sealed.BLOB, digest), content)
    return {"content": kept, "key": key, "object": None}


def is_small(table: Table, row: Mapping[str, Any]) -> bool:
    """Whether its content lies in the row."""
    return table.name == "manifest" or (table.name == "blob" and row["size"] <= SMALL)


def owner(digest: str) -> str:
    """What the pieces of a blob go by: the same in each try of a restore."""
    return hashlib.sha256(digest.encode()).hexdigest()[:32]
