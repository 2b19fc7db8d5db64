"""Which version a text means: a tag, a channel, a range, or the latest. Pure.

The newest that fits is taken, and none that somebody marked as bad, unless it is named. Variants
are for those who ask for them: without a word the one without is taken, where there is such.
"""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from entrepot.versions.order import Entry, Order
from entrepot.versions.ranges import Range, UnreadableError
from entrepot.versions.reading import is_floating
from entrepot.versions.version import Scheme, Version

LATEST, STABLE = "latest", "latest stable"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was meant."""

    tag: str
    digest: str
    pushed_at: float
    version: Version | None
    """None where a tag means no version."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be chosen."""

    variant: str | None = None
    """A pattern; None for those without a variant, or any where each has one."""
    prereleases: bool = False
    bad: Container[str] = frozenset()
    """Digests that are never chosen by a range."""


def choose(order: Order, wanted: str, terms: Terms) -> Chosen | None:
    """What a text means; None where nothing fits. Raises `UnreadableError`: no tag and no range."""
    text = " ".join(wanted.split())
    if text in (LATEST, STABLE):
        releases = text == STABLE and not terms.prereleases
        return _newest(order, lambda version: not (releases and version.is_prerelease), terms)
    floats = order.scheme is Scheme.SEMVER and is_floating(text, order.variants)
    named = _named(order, text)
    if named is not None and not floats:
        return named
    try:
        meant = Range.parse(text, order.scheme)
    except UnreadableError:
        if named is not None:
            return named
        raise
    holds = lambda version: meant.holds(version, prereleases=terms.prereleases)  # noqa: E731
    return _newest(order, holds, terms) or named


def _newest(order: Order, holds: Callable[[Version], bool], terms: Terms) -> Chosen | None:
    other = None
    for entry in _fit(order, terms):
        if holds(entry.version):
            if terms.variant is not None or not entry.version.variant:
                return _of(entry)
            other = other or entry
    return None if other is None else _of(other)


def _fit(order: Order, terms: Terms) -> Iterator[Entry]:
    return (
        entry
        for entry in order.entries
        if entry.digest not in terms.bad
        and (terms.variant is None or fnmatchcase(entry.version.variant, terms.variant))
    )


def _named(order: Order, tag: str) -> Chosen | None:
    """What a tag means; by the tag of the version, where it has one."""
    if (entry := order.by_tag.get(tag)) is not None:
        return _of(entry)
    if (name := order.names.get(tag)) is None:
        return None
    same = next((each for each in order.entries if each.digest == name.digest), None)
    return _of(same) if same else Chosen(tag, name.digest, name.pushed_at, None)


def _of(entry: Entry) -> Chosen:
    return Chosen(entry.version.tag, entry.digest, entry.pushed_at, entry.version)
