"""`Order`: the versions of one repository, the newest first.

It is made of all its tags at once, and made again of what it was: only tags that came are read.
Next: `catalogue` keeps orders, `table` shows a page of one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from entrepot.db import channels, repositories, version_notes
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository
from entrepot.versions.reading import VARIANTS, is_referrer, likeliest, read, shares
from entrepot.versions.version import Scheme, Version

SAMPLE = 500
"""Tags that are enough to guess a scheme by."""


class Entry(NamedTuple):
    """A version, and what it means now."""

    version: Version
    digest: str
    pushed_at: float
    """Seconds since 1970; when its tag came to point there."""


class Named(NamedTuple):
    """What a tag means that is no version."""

    digest: str
    pushed_at: float


@dataclass(frozen=True)
class Order:
    """The versions of a repository."""

    number: int
    """The repository's row."""
    scheme: Scheme
    guessed: bool
    share: float
    """Which part of the tags the scheme reads, 0 to 1."""
    variants: tuple[str, ...]
    entries: tuple[Entry, ...]
    """The newest first; of mere text, what was pushed last."""
    names: Mapping[str, Named]
    """All other tags: floating names, channels, what cannot be read."""

    @cached_property
    def by_push(self) -> tuple[Entry, ...]:
        """The same, what was pushed last first."""
        return tuple(sorted(self.entries, key=pushed, reverse=True))

    @cached_property
    def by_tag(self) -> dict[str, Entry]:
        """The same by tag."""
        return {entry.version.tag: entry for entry in self.entries}

    @cached_property
    def named(self) -> dict[str, list[str]]:
        """By digest, its other tags."""
        found: dict[str, list[str]] = {}
        for name, each in self.names.items():
            found.setdefault(each.digest, []).append(name)
        return found


def rank(entry: Entry) -> Any:
    """The key of the order of versions."""
    return pushed(entry) if entry.version.scheme is Scheme.TEXT else entry.version


def pushed(entry: Entry) -> tuple[float, str]:
    """The key of the order of pushes."""
    return entry.pushed_at, entry.version.tag


def look(db: Connection, repository: Repository, before: Order | None = None) -> Order | None:
    """The order as it is now; quicker from what it was `before`. None: no such repository."""
    number = repositories.identify(db, repository)
    if number is None:
        return None
    said = version_notes.reading(db, number)
    rows = db.execute(
        "select name, digest, moved_at from tag where repository = ? order by name", (number,)
    ).fetchall()
    variants = VARIANTS if said.variants is None else said.variants
    sample = [name for name, _, _ in rows[:: len(rows) // SAMPLE + 1]]
    read_by = shares(sample, variants)
    scheme = Scheme(said.scheme) if said.scheme else likeliest(read_by)
    reads = _reader(scheme, variants, before)
    held = {each.name for each in channels.of(db, repository)}
    entries, names = _split(rows, reads, held)
    entries.sort(key=rank, reverse=True)
    return Order(
        number,
        scheme,
        said.scheme is None,
        read_by.get(scheme, 1.0),
        variants,
        tuple(entries),
        names,
    )


Reads = Callable[[str], Version | None]


def _reader(scheme: Scheme, variants: Sequence[str], before: Order | None) -> Reads:
    same = before is not None and (before.scheme, before.variants) == (scheme, variants)
    known = before.by_tag if before is not None and same else {}

    def reads(tag: str) -> Version | None:
        entry = known.get(tag)
        return entry.version if entry else read(tag, scheme, variants)

    return reads


def _split(
    rows: Iterable[tuple[str, str, float]], reads: Reads, held: set[str]
) -> tuple[list[Entry], dict[str, Named]]:
    """Versions, and other names; tags that are signatures are neither."""
    entries: list[Entry] = []
    names: dict[str, Named] = {}
    for name, digest, moved_at in rows:
        if is_referrer(name):
            continue
        version = None if name in held else reads(name)
        if version is not None:
            entries.append(Entry(version, digest, moved_at))
        else:
            names[name] = Named(digest, moved_at)
    return entries, names
