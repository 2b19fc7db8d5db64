"""Makes the `Order` of a repository, of all its tags; or of the one before and what has changed.

Reading and sorting 10,000 tags takes long enough to be felt; what changed is a few of them mostly,
and the log of changes names them. Next: `catalogue` keeps orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.db import changes, channels, repositories, tags, version_notes
from entrepot.db.connection import Connection
from entrepot.db.version_notes import Read
from entrepot.oci.names import Repository
from entrepot.versions.order import Entry, Named, Order, rank
from entrepot.versions.reading import VARIANTS, is_referrer, likeliest, read, shares
from entrepot.versions.version import Scheme

SAMPLE = 500
"""Tags that are enough to guess a scheme by."""

Tags = dict[str, Named]


@dataclass(frozen=True, slots=True)
class _How:
    """How tags are read."""

    scheme: Scheme
    guessed: bool
    share: float
    variants: tuple[str, ...]
    held: frozenset[str]

    def reads_like(self, order: Order) -> bool:
        """Whether an order was read so."""
        theirs = (order.scheme, order.variants, order.held)
        return theirs == (self.scheme, self.variants, self.held)


def look(db: Connection, repository: Repository, before: Order | None = None) -> Order | None:
    """The order as it is now; quicker from what it was `before`. None: no such repository."""
    number = repositories.identify(db, repository)
    if number is None:
        return None
    seen = changes.newest(db)
    held = frozenset(each.name for each in channels.of(db, repository))
    said = version_notes.reading(db, number)
    moved = None
    if before is not None and before.number == number:
        moved = changes.references_since(db, before.seen, repository)
    if before is None or moved is None:
        found = _tags(db, number)
        how = _how(said, list(found), held)
        entries, names = _split(found, how)
    else:
        found = _tags(db, number, list(moved))
        left = {*before.by_tag, *before.names} - moved
        how = _how(said, sorted(left | {*found}), held)
        entries, names = _again(before, how, moved, found)
    entries.sort(key=rank, reverse=True)
    return Order(
        number,
        how.scheme,
        how.guessed,
        how.share,
        how.variants,
        tuple(entries),
        names,
        held,
        seen,
    )


def _tags(db: Connection, number: int, wanted: Sequence[str] | None = None) -> Tags:
    if wanted is not None and not wanted:
        return {}
    return {tag: Named(*named) for tag, named in tags.current(db, number, wanted).items()}


def _how(said: Read, names: Sequence[str], held: frozenset[str]) -> _How:
    variants = VARIANTS if said.variants is None else said.variants
    read_by = shares(names[:: len(names) // SAMPLE + 1], variants)
    scheme = Scheme(said.scheme) if said.scheme else likeliest(read_by)
    return _How(scheme, said.scheme is None, read_by.get(scheme, 1.0), variants, held)


def _split(found: Tags, how: _How) -> tuple[list[Entry], Tags]:
    """Versions, and other names; tags that are signatures are neither."""
    entries, names = list[Entry](), Tags()
    for tag, named in found.items():
        if is_referrer(tag):
            continue
        version = None if tag in how.held else read(tag, how.scheme, how.variants)
        if version is not None:
            entries.append(Entry(version, *named))
        else:
            names[tag] = named
    return entries, names


def _again(before: Order, how: _How, moved: set[str], came: Tags) -> tuple[list[Entry], Tags]:
    """The same, of what it was, without tags that `moved`, and with those that are there now."""
    kept = [entry for entry in before.entries if entry.version.tag not in moved]
    others = {tag: named for tag, named in before.names.items() if tag not in moved}
    if not how.reads_like(before):
        known = {entry.version.tag: Named(entry.digest, entry.pushed_at) for entry in kept}
        return _split({**known, **others, **came}, how)
    entries, names = _split(came, how)
    return kept + entries, {**others, **names}
