"""Pieces: the objects of the store in which a large blob's bytes lie, one after the other.

    begin ──▶ open ──settle──▶ settled ──discard──▶ garbage
               └────────────drop──────────────────────▲

A piece is written by one request, from its beginning, under a name of its own; so two requests
never touch the same bytes, and whichever the upload's row goes on with is the one that counts. The
row comes before the first byte: nothing lies in the store that no row knows.
"""

import secrets
import time
from dataclasses import dataclass

from entrepot.db.clocks import APART
from entrepot.db.connection import Connection
from entrepot.encryption.keys import NO_KEYS, Keyring
from entrepot.encryption.segments import DataKey

SMALL = 16 * 1024
"""Bytes up to which a blob has none, and lies in the database: one sync stores it, one query serves
it.
"""
_FIRST_WAIT, _LONGEST_WAIT = 600.0, 24 * 3600.0
"""Seconds until an object that could not be deleted is tried again."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An object of the store, and how many of the blob's bytes it holds."""

    name: str
    size: int = 0
    key: str | None = None
    """The master key that wraps its data key; None where it is not encrypted."""
    data_key: bytes | None = None

    @classmethod
    def new(cls, keyring: Keyring = NO_KEYS) -> "Piece":
        """A piece whose name nobody can guess; with a key of its own, where one can wrap it."""
        name, key = secrets.token_hex(16), keyring.current
        if key is None:
            return cls(name)
        return cls(name, key=key.id, data_key=DataKey.new(name).wrap(key))


COLUMNS = "p.name, p.size, p.key, p.data_key"


def begin(db: Connection, owner: str, piece: Piece) -> None:
    """Say that a piece of the upload `owner` is going to be written."""
    db.execute(
        "insert into piece (name, object, key, data_key, started_at) values (?, ?, ?, ?, ?)",
        (piece.name, owner, piece.key, piece.data_key, time.time()),
    )


def settle(db: Connection, owner: str, piece: Piece) -> bool:
    """Put a piece behind the others of its upload. False where it was given up meanwhile."""
    changed = db.execute(
        "update piece set size = :size, number = (select coalesce(max(number) + 1, 0) "
        "from piece where object = :owner) where name = :name and number is null",
        {"size": piece.size, "owner": owner, "name": piece.name},
    )
    return changed.rowcount == 1


def of(db: Connection, owner: str) -> tuple[Piece, ...]:
    """The settled pieces of an upload or a blob, in order."""
    rows = db.execute(
        f"select {COLUMNS} from piece p where p.object = ? and p.number is not null "
        "order by p.number",
        (owner,),
    )
    return tuple(Piece(*row) for row in rows)


def some(db: Connection, limit: int) -> list[Piece]:
    """A few settled pieces of blobs, to see whether a store has them."""
    rows = db.execute(
        f"select {COLUMNS} from piece p join blob b on b.object = p.object "
        "where p.number is not null limit ?",
        (limit,),
    )
    return [Piece(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Owner:
    """A blob or an upload whose bytes lie in the store."""

    object: str
    digest: str | None
    """Of a blob, written algorithm:hex."""
    pieces: tuple[Piece, ...]


def owners(db: Connection, after: str, limit: int) -> list[Owner]:
    """Whose pieces are settled, in order of their objects, from the one behind `after` on."""
    rows = db.execute(
        "select o.object, b.digest from (select distinct object from piece where object > ? "
        "and number is not null order by object limit ?) o "
        "left join blob b on b.object = o.object order by o.object",
        (after, limit),
    ).fetchall()
    return [Owner(name, digest, of(db, name)) for name, digest in rows]


def settled_bytes(db: Connection) -> int:
    """Bytes in all settled pieces. Reads the whole table."""
    (size,) = db.execute(
        "select cast(coalesce(sum(size), 0) as bigint) from piece where number is not null"
    ).fetchone()
    return int(size)


def named_like(db: Connection, prefix: str) -> dict[str, Piece]:
    """The settled pieces whose names begin so, by name."""
    rows = db.execute(
        f"select {COLUMNS} from piece p where p.name >= ? and p.name < ? and p.number is not null",
        (prefix, f"{prefix}g"),  # which no name has: they are written in base 16
    )
    return {row[0]: Piece(*row) for row in rows}


def renew(db: Connection, name: str) -> None:
    """Say that an open piece is still being written."""
    db.execute("update piece set started_at = ? where name = ?", (time.time(), name))


def drop(db: Connection, name: str, why: str) -> None:
    """Give up a piece that was not settled; whatever has been written under its name is garbage."""
    db.execute("delete from piece where name = ? and number is null", (name,))
    db.execute(
        "insert into garbage (object, why) select :name, :why "
        "where not exists (select 1 from piece where name = :name) on conflict do nothing",
        {"name": name, "why": why},
    )


def stale(db: Connection, seconds: float, limit: int) -> list[str]:
    """Open pieces that nobody has written to for so long."""
    rows = db.execute(
        "select name from piece where number is null and started_at < ? limit ?",
        (time.time() - seconds, limit),
    )
    return [name for (name,) in rows]


def is_open(db: Connection, name: str) -> bool:
    """Whether somebody may be writing this piece."""
    found = db.execute("select 1 from piece where name = ? and number is null", (name,)).fetchone()
    return found is not None


def discard(db: Connection, owner: str | None, why: str) -> None:
    """Say that an upload or a blob no longer needs its pieces.

    An open one is its writer's, who drops it; deleted before it is there it would be forgotten.
    """
    if owner is None:
        return
    db.execute(
        "insert into garbage (object, size, why) select name, size, :why from piece "
        "where object = :owner and number is not null on conflict do nothing",
        {"owner": owner, "why": why},
    )
    db.execute("delete from piece where object = ? and number is not null", (owner,))


def throw_away(db: Connection, found: list[tuple[str, int]], why: str) -> None:
    """Have objects deleted that no row names, by their names and bytes."""
    db.executemany(
        "insert into garbage (object, size, why) values (?, ?, ?) on conflict do nothing",
        [(name, size, why) for name, size in found],
    )


def garbage(db: Connection, limit: int) -> list[str]:
    """Objects to be deleted from the store now, those that were tried in vain last; none while
    somebody holds that off (`db.hold`).
    """
    now = time.time()
    rows = db.execute(
        "select object from garbage where (later <= :now or later > :far) and not exists "
        "(select 1 from job where name = 'backup' and lease_until between :now and :apart) "
        "order by later limit :limit",
        {"now": now, "far": now + _LONGEST_WAIT + APART, "apart": now + APART, "limit": limit},
    )
    return [name for (name,) in rows]


def put_off(db: Connection, name: str, trouble: str) -> bool:
    """Have an object that could not be deleted wait, the longer the more often that was tried;
    whether this was the first time.
    """
    row = db.execute("select tries from garbage where object = ?", (name,)).fetchone()
    if row is None:  # somebody else has deleted it
        return False
    wait = min(_FIRST_WAIT * 2.0 ** min(row[0], 30), _LONGEST_WAIT)
    db.execute(
        "update garbage set tries = tries + 1, trouble = ?, later = ? where object = ?",
        (trouble[:500], time.time() + wait, name),
    )
    return bool(row[0] == 0)


def discarded(db: Connection, limit: int) -> list[tuple[str, int, str]]:
    """Name, bytes and why of objects to be deleted from the store."""
    rows = db.execute("select object, size, why, tries, trouble from garbage limit ?", (limit,))
    return [
        (name, size, f"{why}; deleting it failed {tries} times: {trouble}" if tries else why)
        for name, size, why, tries, trouble in rows
    ]


def forget(db: Connection, names: list[str]) -> None:
    """Say that these objects are gone from the store."""
    db.executemany("delete from garbage where object = ?", [(name,) for name in names])
