"""`Range`: which versions are meant, in the syntax of npm: ~1.2, ^1, >=1.1 <2, 1.x, a || b. Pure.

node-semver takes the syntax apart into comparators (^1.2 is >=1.2.0 <2.0.0); versions are compared
in the order of `version`. Helm's and Cargo's commas are read as spaces; Cargo's bare 1.2.3 means,
as npm's does, that version alone. Dates and numbers have comparators only. As in npm a pre-release
is meant only where a comparator names one of the same major, minor and patch, unless all are asked
for. Source: npm's semver, "Ranges" and "Prerelease Tags".
"""

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from entrepot.versions.reading import read
from entrepot.versions.version import Order, Scheme, Version

MOST = 256
"""Characters of a range: node-semver takes longer than in proportion."""


class UnreadableError(ValueError):
    """It is no range; says what one looks like."""


Compare = Callable[[Order, Order], bool]

_COMPARE: dict[str, Compare] = {
    "": operator.eq,
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_COMPARATOR = r"(<=|>=|<|>|=|) ?([^ <>=]+)"
_comparators = re.compile(_COMPARATOR).findall
_plain_part = re.compile(rf"{_COMPARATOR}( ?{_COMPARATOR})*").fullmatch


@dataclass(frozen=True, slots=True)
class Comparator:
    """A bound: >=1.2.0."""

    sign: str
    bound: Version

    def holds(self, version: Version) -> bool:
        """Whether a version is within. Below 2.0.0 are no pre-releases of it."""
        if self.sign == "<" and not self.bound.is_prerelease and version.is_prerelease:
            return version.numbers < self.bound.numbers
        return _COMPARE[self.sign](version.precedence, self.bound.precedence)


@dataclass(frozen=True, slots=True)
class Range:
    """Alternatives, each of comparators that all must hold."""

    text: str
    alternatives: tuple[tuple[Comparator, ...], ...]

    @classmethod
    def parse(cls, text: str, scheme: Scheme) -> "Range":
        """Read a range. Raises `UnreadableError`."""
        words = " ".join(text.replace(",", " ").split())
        if len(words) > MOST or scheme is Scheme.TEXT:
            raise _unreadable(text, scheme)
        parts = _semantic(words) if scheme is Scheme.SEMVER else _plain(words, scheme)
        try:
            return cls(text, tuple(map(tuple, parts)))
        except ValueError:
            raise _unreadable(text, scheme) from None

    def holds(self, version: Version, *, prereleases: bool = False) -> bool:
        """Whether a version is meant; with `prereleases`, all of those that are within."""
        return any(
            all(each.holds(version) for each in part)
            and (prereleases or not version.is_prerelease or _names(part, version))
            for part in self.alternatives
        )


def _names(part: tuple[Comparator, ...], version: Version) -> bool:
    return any(each.bound.is_prerelease and each.bound.numbers == version.numbers for each in part)


def _semantic(words: str) -> Iterator[list[Comparator]]:
    import nodesemver  # its expressions take megabytes, and most registries have no range

    for part in nodesemver.make_range(words, loose=False).set:
        found = [each for each in part if each.semver is not nodesemver.ANY]
        yield [_bound(each.operator, each.semver.version, Scheme.SEMVER) for each in found]


def _plain(words: str, scheme: Scheme) -> Iterator[list[Comparator]]:
    for part in words.split("||"):
        if not _plain_part(part.strip()):
            raise ValueError(part)
        yield [_bound(sign, bound, scheme) for sign, bound in _comparators(part) if bound != "*"]


def _bound(sign: str, text: str, scheme: Scheme) -> Comparator:
    version = read(text, scheme, ())
    if version is None:
        raise ValueError(text)
    return Comparator(sign, version)


def _unreadable(text: str, scheme: Scheme) -> UnreadableError:
    looks = {
        Scheme.SEMVER: "~1.2, ^1, '>=1.1 <2', 1.x or '1.2 || 2'",
        Scheme.DATE: "'>=2026-11-01 <2026-12-01'",
        Scheme.NUMBER: "'>=100 <200'",
        Scheme.TEXT: "nothing: these tags are mere text, whose order is that of their pushes",
    }
    return UnreadableError(f"{text[:MOST]!r} is no range: write {looks[scheme]}")
