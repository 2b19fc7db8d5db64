"""What a registry lets one pull: how long to wait, how many pulls are left, a quota that is full.

Source: RFC 9110, 10.2.3 (Retry-After); Docker Hub, "Usage and limits" (`ratelimit-limit`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

_counted = re.compile(r"(?P<number>\d{1,9})(?:\s*;.*?\bw=(?P<seconds>\d{1,9}))?").match
_of_quota = re.compile(
    r"\bquota|storage limit|payment required|billing|(pull|rate|request|download) limit|"
    r"exceed\w* .{0,60}(limit|allow)",
    re.IGNORECASE,
).search


@dataclass(frozen=True, slots=True)
class Count:
    """How many pulls of a span are left."""

    most: int
    left: int
    seconds: int
    """Of the span; 0 where it is not said."""

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> Self | None:
        """None where the registry does not count, or does not say so."""
        most = _counted(headers.get("ratelimit-limit", ""))
        left = _counted(headers.get("ratelimit-remaining", ""))
        if not most or not left:
            return None
        return cls(int(most["number"]), int(left["number"]), int(most["seconds"] or 0))

    @property
    def is_low(self) -> bool:
        """Whether a tenth or less is left."""
        return self.left * 10 <= self.most

    def __str__(self) -> str:
        span = f" in {_span(self.seconds)}" if self.seconds else ""
        return f"{self.left} of {self.most} pulls{span} are left"


def told(headers: Mapping[str, str]) -> str:
    """What a 429 says of itself, to follow other words."""
    after, count = headers.get("retry-after", "").strip(), Count.read(headers)
    waits = (
        f"; it says to wait {after} s" if after.isdigit() else f"; it says to wait until {after}"
    )
    return (waits if after else "") + (f"; {count}" if count else "")


def is_quota(words: str) -> bool:
    """Whether a denial tells of a quota, and not of a right."""
    return _of_quota(words) is not None


def _span(seconds: int) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and not seconds % size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
