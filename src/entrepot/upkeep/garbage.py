"""What would go in the next round, how much room that makes, and why each of it is garbage.

It looks and changes nothing; between now and then any of it may come to be needed again. Next:
`collect` and `purge` take it away.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial

from entrepot.db import idle, links, pieces, running, trash, uploads
from entrepot.db.connection import Connection
from entrepot.db.idle import Why
from entrepot.db.terms import Terms
from entrepot.upkeep.collect import reason


class Kind(StrEnum):
    """Where garbage lies."""

    UPLOAD = "upload"
    """Nobody goes on with it."""
    MANIFEST = "manifest"
    """It goes to the trash, and so makes no room yet."""
    TRASH = "trash"
    """Its time there is up."""
    BLOB = "blob"
    """A repository has it for nothing; the last one that does so holds its bytes."""
    OBJECT = "object"
    """No row names it any more; it goes from the store."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Something that would go."""

    kind: Kind
    repository: str
    """"" for an object, which belongs to none."""
    name: str
    """The digest, tag, upload's id or object."""
    frees: int
    """Bytes that are free then."""
    why: str


def survey(
    db: Connection, terms: Terms, upload_expiry: float, now: float, most: int
) -> Iterator[Garbage]:
    """All of it; of each kind at most so many."""
    for at, upload, repository, size in uploads.forsaken(db, upload_expiry, most):
        yield Garbage(
            Kind.UPLOAD, repository, upload, size, f"nobody went on with it for {_age(now - at)}"
        )
    yield from _manifests(db, terms, now, most)
    for item in trash.ended(db, most):
        if item.until > 0 and running.in_trash(db, item):
            continue
        who = item.deleted_by
        why = f"deleted by {who}, and its time in the trash is up"
        repository = item.repository.name
        yield Garbage(Kind.TRASH, repository, item.name, trash.alone(db, item), why)
    found = links.overdue(db, now - terms.grace, most)
    counts = {
        link.blob: links.count(db, link.blob, len(found) + 1) for link in found if not link.needed
    }
    yield from plan(found, counts, now)
    for name, size, why in pieces.discarded(db, most):
        yield Garbage(Kind.OBJECT, "", name, size, why)


def _manifests(db: Connection, terms: Terms, now: float, most: int) -> Iterator[Garbage]:
    runs = cache(partial(running.of, db))
    for why, seconds in ((Why.ORPHANED, terms.orphaned), (Why.UNTAGGED, terms.untagged)):
        for each in idle.overdue(db, why, now - seconds, most) if seconds else ():
            if not (each.kept or runs(each.repository).of(each.digest)):
                text = reason(why, each.since)
                yield Garbage(Kind.MANIFEST, each.repository.name, each.digest, 0, text)


def plan(found: Sequence[links.Idle], counts: Mapping[int, int], now: float) -> Iterator[Garbage]:
    """Of links that were idle for a grace, those that go. `counts` says how many links each blob
    has in all: where all of them go, the last frees its bytes.
    """
    gone: Counter[int] = Counter()
    for link in found:
        if link.needed:
            continue
        gone[link.blob] += 1
        last = gone[link.blob] == counts[link.blob]
        where = link.repository[1].name
        why = f"no manifest of {where} needs it, for {_age(now - link.since)} already"
        if not last:
            why += "; others may have it still"
        yield Garbage(Kind.BLOB, where, link.digest, link.size if last else 0, why)


def _age(seconds: float) -> str:
    """In words: 3 days, 26 hours."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
