"""A tag's history: every move of it, out of the log of changes, which nobody ever cuts.

A history belongs to a name: of a repository that was deleted and made again it goes on. That a
repository goes or comes back as a whole is one row of the log, however many tags it has; what it
meant to a tag is worked out here. A move is called by the number of its row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from entrepot.db.changes import Kind
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository, Tag

LAST = 2**62
"""Behind every number."""

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Move:
    """A tag came, went, or moved; digests are written algorithm:hex."""

    number: int
    at: float
    """Seconds since 1970."""
    actor: str
    kind: Kind
    old: str | None
    """None where it was not there before."""
    new: str | None
    """None where it is not there any more."""
    reason: str


def moves(db: Connection, repository: Repository, tag: Tag, before: int = LAST) -> Iterator[Move]:
    """From the newest one before a number on, as far as the caller reads."""
    own = _own(db, repository, tag, before)
    whole = reversed([each for each in _whole(db, repository, tag) if each.number < before])
    return merge(own, whole, key=lambda move: move.number, reverse=True)


def find(db: Connection, repository: Repository, tag: Tag, number: int) -> Move | None:
    """The move of this number, where it is this tag's."""
    found = next(moves(db, repository, tag, number + 1), None)
    return found if found and found.number == number else None


def at(db: Connection, repository: Repository, tag: Tag, moment: float) -> Move | None:
    """The last move up to a time, in seconds since 1970."""
    row = db.execute(
        "select max(id) from change where repository = ? and reference in (?, '') and at <= ?",
        (repository.name, tag.name, moment),
    ).fetchone()
    return next(moves(db, repository, tag, row[0] + 1), None) if row[0] else None


def back(db: Connection, repository: Repository, tag: Tag, steps: int) -> Move | None:
    """What made the tag what it was so many moves before the last one; being deleted is none."""
    earlier = islice(moves(db, repository, tag), 1, None)
    return next(islice((move for move in earlier if move.new), steps - 1, None), None)


def other(db: Connection, repository: Repository, tag: Tag, now: str | None) -> Move | None:
    """The last move to something else than it is now."""
    return next((x for x in moves(db, repository, tag) if x.new and x.new != now), None)


def _own(db: Connection, repository: Repository, tag: Tag, before: int) -> Iterator[Move]:
    """The rows that name the tag, page after page."""
    while True:
        rows = db.execute(
            "select id, at, actor, kind, old, new, reason from change "
            "where repository = ? and reference = ? and id < ? and old is distinct from new "
            "order by id desc limit ?",
            (repository.name, tag.name, before, _PAGE),
        ).fetchall()
        for number, moment, actor, kind, *rest in rows:
            yield Move(number, moment, actor, Kind(kind), *rest)
        if len(rows) < _PAGE:
            return
        before = rows[-1][0]


_WHOLE = (
    "select c.id, c.at, c.actor, c.kind, c.reason, c.trash, p.id, p.new from change c "
    "left join change p on p.id = (select max(q.id) from change q where q.repository = :name "
    "and q.reference = :tag and q.id < c.id) where c.repository = :name and c.reference = '' "
    "and c.kind in (:deleted, :restored) order by c.id"
)


def _whole(db: Connection, repository: Repository, tag: Tag) -> list[Move]:
    """What happened to the repository while the tag was there, or brought it back; in order."""
    found = list[Move]()
    kept = dict[int | None, str | None]()
    here, seen = None, 0
    kinds = {"deleted": Kind.REPOSITORY_DELETED.value, "restored": Kind.RESTORED.value}
    rows = db.execute(_WHOLE, {"name": repository.name, "tag": tag.name, **kinds})
    for number, moment, actor, kind, reason, item, own, pointed in rows:
        was = pointed if (own or 0) > seen else here
        if kind == kinds["deleted"]:
            kept[item], here = was, None
        else:  # earlier rows do not say which one came back
            here = kept.get(item, kept.get(None))
        if was != here:
            found.append(Move(number, moment, actor, Kind(kind), was, here, reason))
        seen = number
    return found
