"""Encrypted objects in the place of plain ones: which blobs lie plain, and the exchange.

A piece keeps its place in the blob and gets another object. That is one transaction, in which the
old object becomes garbage; whoever reads it at that moment reads it to the end.
"""

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


def exchange(db: Connection, owner: str, pairs: Sequence[tuple[Piece, Piece]]) -> bool:
    """Put new pieces, which stand as open ones, in the place of others of the same blob.

    False, and nothing is changed, where one of them does not stand any more as it did.
    """
    for old, new in pairs:
        row = db.execute(
            "select number from piece where name = ? and object = ? and number is not null "
            "and exists (select 1 from piece n where n.name = ? and n.number is null)",
            (old.name, owner, new.name),
        ).fetchone()
        if row is None:
            return False
    for old, new in pairs:
        db.execute("delete from piece where name = ?", (new.name,))
        db.execute(
            "update piece set name = ?, size = ?, key = ?, data_key = ? where name = ?",
            (new.name, new.size, new.key, new.data_key, old.name),
        )
        db.execute(
            "insert into garbage (object, size, why) values (?, ?, ?) on conflict do nothing",
            (old.name, old.size, "it lies encrypted in another object now"),
        )
    return True
