"""`Version`: a tag as its scheme reads it, in a total order. Pure.

`precedence` is what the scheme itself says of two versions, so two may have the same: SemVer
ignores build metadata. Behind it come the build, the variant and the tag, so that no two tags are
equal and an order is the same wherever it is made. Next: `reading` makes versions of tags.
"""

import re
from enum import StrEnum
from typing import Any, NamedTuple

Order = tuple[Any, ...]
"""What can be compared with others of the same scheme."""

RELEASED: Order = (1,)
"""Behind every pre-release."""

_runs = re.compile(r"\d+|\D+").findall


class Scheme(StrEnum):
    """How the tags of a repository are read."""

    SEMVER = "semver"
    """1.2.3, v1.2.3-rc.1, 1.2.3_build.5, 1.2.3-alpine"""
    DATE = "date"
    """2026-11-26, 20261126, 2026.11.26.1, 20261126T1530"""
    NUMBER = "number"
    """123, build-123, r123"""
    TEXT = "text"
    """Anything; the order is that in which the tags were pushed."""


class Version(NamedTuple):
    """A tag that is a version; its order is that of its first fields. Compare only versions of one
    scheme.
    """

    precedence: Order
    build_order: Order
    variant: str
    """alpine3.20 of 1.2.3-alpine3.20; "" where there is none."""
    tag: str
    scheme: Scheme
    numbers: tuple[int, ...]
    """Major, minor and patch; or year, month and day; or the number."""
    prerelease: str = ""
    """rc.1 of 1.2.3-rc.1"""
    build: str = ""
    """build.5 of 1.2.3_build.5, a packaging r5, or the time or count behind a date."""

    @property
    def is_prerelease(self) -> bool:
        """Whether it comes before its release."""
        return bool(self.prerelease)

    @property
    def text(self) -> str:
        """The version alone, as its scheme writes it: 1.2.3-rc.1+build.5; no prefix, no variant."""
        if self.scheme is Scheme.SEMVER:
            core = ".".join(map(str, self.numbers))
            before = f"-{self.prerelease}" if self.prerelease else ""
            return core + before + (f"+{self.build}" if self.build else "")
        if self.scheme is Scheme.DATE:
            year, month, day = self.numbers
            return f"{year:04}-{month:02}-{day:02}" + (f".{self.build}" if self.build else "")
        return str(self.numbers[0]) if self.scheme is Scheme.NUMBER else self.tag


def identifiers(text: str) -> Order:
    """The order of dotted identifiers, SemVer 2.0 section 11: numbers by value and before words,
    words bytewise, and more of them behind fewer.
    """
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in text.split("."))


def natural(text: str) -> Order:
    """An order in which r10 is behind r9; "" comes first."""
    return tuple((0, int(run)) if run.isdecimal() else (1, run) for run in _runs(text))
