"""`Order`: the versions of one repository, the newest first. Pure.

Next: `ordering` makes it of what the database has, `table` shows a page of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from entrepot.versions.version import Scheme, Version


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
    held: frozenset[str]
    """The channels, whose tags are no versions."""
    seen: int
    """The last row of the log of changes that is in it."""

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
        for name, each in sorted(self.names.items()):
            found.setdefault(each.digest, []).append(name)
        return found


def rank(entry: Entry) -> Any:
    """The key of the order of versions."""
    return pushed(entry) if entry.version.scheme is Scheme.TEXT else entry.version


def pushed(entry: Entry) -> tuple[float, str]:
    """The key of the order of pushes."""
    return entry.pushed_at, entry.version.tag
