"""Quarantine: content that does not match its digest is served no more, and lies aside for a while.

The row of a blob stays, with its links, and names nothing; that of a manifest is left empty. Both
are unknown to whoever asks for them, and healed by the next push of the same digest, for all
repositories at once. What was damaged can be looked into until its time is up.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from entrepot.db import pieces
from entrepot.db.audit import By
from entrepot.db.changes import Change, record
from entrepot.db.changes import Kind as Happened
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece
from entrepot.oci.names import Repository

SECONDS = 14 * 24 * 3600.0
"""For so long it lies aside."""

_MOST_NAMED = 100
_BY = By("entrepot", via="scrub")


class Kind(StrEnum):
    """What has a digest."""

    BLOB = "blob"
    MANIFEST = "manifest"


@dataclass(frozen=True, slots=True)
class Kept:
    """A blob or a manifest, as its row says that it is kept."""

    kind: Kind
    id: int
    digest: str
    size: int
    content: bytes | None
    """In the row, sealed where there is a key."""
    key: str | None
    repository: int | None = None
    """Of a manifest."""
    object: str | None = None
    pieces: tuple[Piece, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing lies there, since it was lost or is in quarantine."""
        return self.content == b"" if self.kind is Kind.MANIFEST else self._lost

    @property
    def _lost(self) -> bool:
        return self.content is None and not self.pieces


@dataclass(frozen=True, slots=True)
class Item:
    """Something in quarantine; times are seconds since 1970."""

    id: int
    kind: Kind
    digest: str
    size: int
    why: str
    repositories: list[str]
    """Some of those that have it, where there are many."""
    objects: list[str]
    """Names of what lies aside in the store."""
    found_at: float
    until: float
    healed: bool
    """Whether the digest has been pushed again since, or is needed no more."""


_BLOBS = "select id, digest, size, content, key, object from blob where "
_MANIFESTS = "select id, digest, size, content, key, repository from manifest where "


def after(db: Connection, kind: Kind, last: int, limit: int) -> list[Kept]:
    """Blobs or manifests in the order of their rows, from the one behind `last` on."""
    query = _BLOBS if kind is Kind.BLOB else _MANIFESTS
    rows = db.execute(f"{query} id > ? order by id limit ?", (last, limit)).fetchall()
    return [_kept(db, kind, row) for row in rows]


def again(db: Connection, found: Kept) -> Kept | None:
    """How the same row is kept now; None where it has gone."""
    rows = after(db, found.kind, found.id - 1, 1)
    return rows[0] if rows and rows[0].id == found.id else None


def blob(db: Connection, digest: str) -> Kept | None:
    """How a blob is kept."""
    row = db.execute(f"{_BLOBS} digest = ?", (digest,)).fetchone()
    return _kept(db, Kind.BLOB, row) if row else None


def manifests(db: Connection, digest: str) -> list[Kept]:
    """How a manifest is kept, in each of its repositories. Reads the whole table."""
    rows = db.execute(f"{_MANIFESTS} digest = ?", (digest,)).fetchall()
    return [_kept(db, Kind.MANIFEST, row) for row in rows]


def _kept(db: Connection, kind: Kind, row: tuple[int, str, int, bytes, str, str]) -> Kept:
    number, digest, size, content, key, last = row
    if kind is Kind.MANIFEST:
        return Kept(kind, number, digest, size, content, key, repository=int(last))
    found = pieces.of(db, last) if last else ()
    return Kept(kind, number, digest, size, content, key, object=last, pieces=found)


def reason(db: Connection, found: Kept) -> str | None:
    """Why it was put in quarantine last; None where it never was, or that is long ago."""
    row = db.execute(
        "select why from quarantine where kind = ? and digest = ? order by id desc limit 1",
        (found.kind.value, found.digest),
    ).fetchone()
    return row[0] if row else None


def total(db: Connection) -> int:
    """Bytes of all blobs and manifests."""
    found: int = db.execute(
        "select cast((select coalesce(sum(size), 0) from blob) "
        "+ (select coalesce(sum(size), 0) from manifest) as bigint)"
    ).fetchone()[0]
    return found


def quarantine(db: Connection, found: Kept, why: str) -> bool:
    """Put aside what is damaged. False, and nothing is changed, where it does not stand any more
    as it was found, or lies aside already.
    """
    if again(db, found) != found or (found.empty and _known(db, found.digest)):
        return False
    names = repositories(db, found)
    number = _write_down(db, found, why, names)
    if found.kind is Kind.MANIFEST:
        # the key stays: its annotations are sealed by it, and shown to whoever lists referrers
        db.execute("update manifest set content = ? where id = ?", (b"", found.id))
    elif found.content is not None:
        db.execute(
            "update blob set content = null, key = null, object = ? where id = ?",
            (Piece.new().name, found.id),
        )
    else:
        _put_aside(db, number, found)
    for name in names:
        change = Change(Happened.QUARANTINED, name, found.digest, old=found.digest, by=_BY)
        record(db, change)
    return True


def _known(db: Connection, digest: str) -> bool:
    row = db.execute("select 1 from quarantine where digest = ? limit 1", (digest,)).fetchone()
    return row is not None


def repositories(db: Connection, found: Kept) -> list[Repository]:
    """Those that have it, but in the trash."""
    if found.kind is Kind.MANIFEST:
        query, value = "r.id = ?", found.repository
    else:
        query, value = "r.id in (select repository from repository_blob where blob = ?)", found.id
    rows = db.execute(
        f"select r.name from repository r where {query} and r.trash is null order by r.name",
        (value,),
    )
    return [Repository(name) for (name,) in rows]


def _write_down(db: Connection, found: Kept, why: str, names: Sequence[Repository]) -> int:
    now = time.time()
    some = json.dumps([name.name for name in names[:_MOST_NAMED]])
    (number,) = db.execute(
        "insert into quarantine (kind, digest, repository, size, why, repositories, found_at, "
        "until, content, key) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id",
        (
            found.kind.value,
            found.digest,
            found.repository,
            found.size,
            why,
            some,
            now,
            now + SECONDS,
            found.content,
            found.key,
        ),
    ).fetchone()
    return int(number)


def _put_aside(db: Connection, number: int, found: Kept) -> None:
    db.execute(
        "insert into quarantined_piece (name, quarantine, number, size, key, data_key) "
        "select name, ?, number, size, key, data_key from piece "
        "where object = ? and number is not null",
        (number, found.object),
    )
    db.execute("delete from piece where object = ? and number is not null", (found.object,))


_LOST = (
    "(exists (select 1 from blob b where q.kind = 'blob' and b.digest = q.digest "
    "and b.content is null and not exists (select 1 from piece p where p.object = b.object "
    "and p.number is not null)) or exists (select 1 from manifest m where q.kind = 'manifest' "
    "and m.repository = q.repository and m.digest = q.digest and length(m.content) = 0))"
)


def listed(db: Connection, before: int | None, limit: int) -> list[Item]:
    """What is there, the newest first, from the one before a row on."""
    rows = db.execute(
        "select q.id, q.kind, q.digest, q.size, q.why, q.repositories, q.found_at, q.until, "
        f"case when {_LOST} then 1 else 0 end from quarantine q "
        f"{'' if before is None else 'where q.id < ? '}order by q.id desc limit ?",
        (limit,) if before is None else (before, limit),
    ).fetchall()
    return [
        Item(
            number,
            Kind(kind),
            digest,
            size,
            why,
            json.loads(names),
            _objects(db, number),
            found_at,
            until,
            healed=not lost,
        )
        for number, kind, digest, size, why, names, found_at, until, lost in rows
    ]


def _objects(db: Connection, number: int) -> list[str]:
    rows = db.execute(
        "select name from quarantined_piece where quarantine = ? order by number", (number,)
    )
    return [name for (name,) in rows]


def damaged(db: Connection) -> int:
    """How much of it is still lost, so that pulls of it fail."""
    query = f"select count(*) from quarantine q where {_LOST}"
    found: int = db.execute(query).fetchone()[0]
    return found


def expire(db: Connection, now: float) -> int:
    """End what has lain there for long enough; how much. Of what is still lost the row stays."""
    due = "(select id from quarantine where until <= ?)"
    db.execute(
        "insert into garbage (object, size, why) select name, size, 'its quarantine has ended' "
        f"from quarantined_piece where quarantine in {due} on conflict do nothing",
        (now,),
    )
    db.execute(f"delete from quarantined_piece where quarantine in {due}", (now,))
    db.execute("update quarantine set content = null, key = null where until <= ?", (now,))
    gone = db.execute(
        "delete from quarantine where id in (select q.id from quarantine q "
        f"where q.until <= ? and not {_LOST})",
        (now,),
    )
    return gone.rowcount
