"""Tags read as versions: by semantic version, date, number, or as mere text. Pure.

Sources: SemVer 2.0; for build metadata, which no tag can write with a plus, Helm's underscore. A
partial version (1, 1.2) is no version but a floating name: it means another one tomorrow.
Next: `ranges` chooses among versions.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from entrepot.versions import dates
from entrepot.versions.variants import VARIANTS, split
from entrepot.versions.version import RELEASED, Scheme, Version, identifiers, natural

__all__ = [
    "VARIANTS",
    "Scheme",
    "Version",
    "guess",
    "is_floating",
    "is_referrer",
    "likeliest",
    "read",
    "shares",
]

ENOUGH = 0.2
"""The share of tags that a scheme must read to be guessed."""

_PART = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_version = re.compile(
    r"v?(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    rf"(?:-({_PART}(?:\.{_PART})*))?(?:_([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
).fullmatch
_number = re.compile(r"(?:v|r|b|rev|build|release|run)?[-_.]?([0-9]{1,18})").fullmatch
_floating = re.compile(r"v?[0-9]+(\.[0-9]+)?").fullmatch
_NAMES = frozenset({"latest", "stable", "edge", "nightly", "main", "master", "dev"})
_referrer = re.compile(r"sha(256|512)-[0-9a-f]{64,128}(\..*)?").fullmatch


def read(tag: str, scheme: Scheme, variants: Sequence[str] = VARIANTS) -> Version | None:
    """The version that a tag says in a scheme; None where it says none."""
    if scheme is Scheme.TEXT:
        return Version((), (), "", tag, scheme, ())
    return _READERS[scheme](tag, *split(tag, variants))


def _semantic(tag: str, text: str, variant: str, build: str) -> Version | None:
    found = _version(text)
    if found is None:
        return None
    major, minor, patch, before, metadata = found.groups("")
    numbers, build = (int(major), int(minor), int(patch)), build or metadata
    precedence = (numbers, (0, identifiers(before)) if before else RELEASED)
    order = natural(build) if build else ()
    return Version(precedence, order, variant, tag, Scheme.SEMVER, numbers, before, build)


def _dated(tag: str, text: str, variant: str, build: str) -> Version | None:
    found = dates.parse(text)
    if found is None:
        return None
    day, rest, written = found
    return Version(
        (day, rest), natural(build), variant, tag, Scheme.DATE, day, build=build or written
    )


def _numbered(tag: str, text: str, variant: str, build: str) -> Version | None:
    found = _number(text)
    if found is None:
        return None
    number = (int(found[1]),)
    return Version(number, natural(build), variant, tag, Scheme.NUMBER, number, build=build)


_READERS = {Scheme.DATE: _dated, Scheme.SEMVER: _semantic, Scheme.NUMBER: _numbered}
"""In the order in which they are guessed: 2026.11.26 is a date rather than a semantic version."""


def is_floating(tag: str, variants: Sequence[str] = VARIANTS) -> bool:
    """Whether it is a partial version, which moves on with newer ones: 1, v1.2, 1.2-alpine."""
    return _floating(split(tag, variants)[0]) is not None


def is_referrer(tag: str) -> bool:
    """Whether it is made of a digest, as cosign's tags for signatures are."""
    return tag.startswith("sha") and _referrer(tag) is not None


def guess(tags: Iterable[str], variants: Sequence[str] = VARIANTS) -> Scheme:
    """The scheme that reads most of the tags, and enough of them; else they are text."""
    return likeliest(shares(tags, variants))


def likeliest(read_by: Mapping[Scheme, float]) -> Scheme:
    """The same by the shares that schemes read."""
    best = max(read_by, key=lambda scheme: read_by[scheme])
    return best if read_by[best] >= ENOUGH else Scheme.TEXT


def shares(tags: Iterable[str], variants: Sequence[str] = VARIANTS) -> Mapping[Scheme, float]:
    """Which part of the tags each scheme reads, 0 to 1. Names that mean no version in any scheme
    (latest, a signature's) do not count; to semver the floating names of its versions are read.
    """
    counted = [tag for tag in tags if tag not in _NAMES and not is_referrer(tag)]
    parts = [(tag, *split(tag, variants)) for tag in counted]
    read_by = {
        scheme: [version for part in parts if (version := reads(*part))]
        for scheme, reads in _READERS.items()
    }
    floating = len(_lines(read_by[Scheme.SEMVER]) & {tag.removeprefix("v") for tag in counted})
    read_many = {scheme: len(found) for scheme, found in read_by.items()}
    read_many[Scheme.SEMVER] += floating
    return {scheme: many / max(len(counted), 1) for scheme, many in read_many.items()}


def _lines(versions: Iterable[Version]) -> set[str]:
    """The floating names that versions have: 1 and 1.2 of 1.2.3, 1-alpine of 1.2.3-alpine."""
    found = set()
    for each in versions:
        tail = f"-{each.variant}" if each.variant else ""
        major, minor, _ = each.numbers
        found |= {f"{major}{tail}", f"{major}.{minor}{tail}"}
    return found
