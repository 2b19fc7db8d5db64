"""Encrypted objects in the place of plain ones: which blobs lie plain, and the exchange.

A piece takes the place of another in the blob, in one transaction. The old object then is garbage;
or it lingers as an open piece does that nobody writes, and goes as late: a client that was sent to
the store by a URL may still be reading there.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.db import pieces
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece
from entrepot.oci.digest import Digest


@dataclass(frozen=True, slots=True)
class Plain:
    """A blob of which pieces lie plain."""

    object: str
    digest: Digest
    pieces: tuple[Piece, ...]
    """All of them, in order."""


def plain(db: Connection, after: str, limit: int) -> list[Plain]:
    """Blobs that lie plain, in order of their objects, from the one behind `after` on."""
    rows = db.execute(
        "select b.object, b.digest from blob b where b.object > ? and exists (select 1 "
        "from piece p where p.object = b.object and p.number is not null and p.key is null) "
        "order by b.object limit ?",
        (after, limit),
    ).fetchall()
    return [Plain(name, Digest.parse(digest), pieces.of(db, name)) for name, digest in rows]


def plain_bytes(db: Connection) -> int:
    """Bytes of them, as far as they lie plain. Reads the whole table."""
    (size,) = db.execute(
        "select cast(coalesce(sum(p.size), 0) as bigint) from piece p join blob b "
        "on b.object = p.object where p.number is not null and p.key is null"
    ).fetchone()
    return int(size)


def exchange(
    db: Connection, owner: str, pairs: Sequence[tuple[Piece, Piece]], *, linger: bool
) -> bool:
    """Put new pieces, which stand as open ones, in the place of others of the same blob.

    False, and nothing is changed, where one of them does not stand any more as it did.
    """
    numbers = [_number(db, owner, old, new) for old, new in pairs]
    if None in numbers:
        return False
    for (old, new), number in zip(pairs, numbers, strict=True):
        db.execute(
            "update piece set number = ?, size = ? where name = ?", (number, new.size, new.name)
        )
        db.execute(
            "update piece set number = null, started_at = ? where name = ?", (time.time(), old.name)
        )
        if not linger:
            pieces.drop(db, old.name, "it lies encrypted in another object now")
    return True


def _number(db: Connection, owner: str, old: Piece, new: Piece) -> int | None:
    """The place of the old one, where both stand."""
    row = db.execute(
        "select o.number from piece o join piece n on n.name = ? and n.object = o.object "
        "and n.number is null where o.name = ? and o.object = ? and o.number is not null",
        (new.name, old.name, owner),
    ).fetchone()
    return row[0] if row else None
