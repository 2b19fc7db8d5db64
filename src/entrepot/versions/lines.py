"""Lines: the tags that may float with a version, and for which others each could stand. Pure.

1.4.2 is of the lines 1.4, 1 and latest, v1.4.2 of v1.4, v1 and latest, and 1.4.2-alpine of
1.4-alpine, 1-alpine and alpine. Next: `floating` moves them.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from entrepot.db.floating_rules import Asked
from entrepot.versions import reading
from entrepot.versions.variants import VARIANTS
from entrepot.versions.version import Scheme, Version

LATEST = "latest"

_core = re.compile(r"v?([0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,18})").match


@dataclass(frozen=True, slots=True)
class Line:
    """A tag that may float, and which versions it could stand for."""

    tag: str
    prefix: str | None
    """v or ""; None for both."""
    numbers: tuple[int, ...]
    """With which the version's begin."""
    variant: str
    prereleases: bool

    def has(self, version: Version) -> bool:
        """Whether it could stand for a version."""
        return (
            self.prefix in (None, _prefix(version))
            and version.numbers[: len(self.numbers)] == self.numbers
            and version.variant == self.variant
            and (self.prereleases or not version.is_prerelease)
        )

    @property
    def reach(self) -> tuple[str, str]:
        """Tags of its versions lie between these two, in the order of bytes."""
        if self.prefix is None:
            return "", "w"
        begin = self.prefix + ".".join(map(str, self.numbers))
        return f"{begin}.", f"{begin}/"


def _prefix(version: Version) -> str:
    return "v" if version.tag.startswith("v") else ""


Read = Callable[[str], Version | None]
"""How the tags of a repository are read; what is no semantic version has no lines."""


def reader(scheme: str | None = None, variants: Sequence[str] | None = None) -> Read:
    """How they are read by what is set for the repository; by another scheme nothing floats."""
    semantic, meant = scheme in (None, Scheme.SEMVER), VARIANTS if variants is None else variants

    def read(tag: str) -> Version | None:
        if not semantic or not _core(tag):
            return None
        return reading.read(tag, Scheme.SEMVER, meant)

    return read


def lines(version: Version, asked: Asked) -> list[Line]:
    """Those of a version that were asked for."""
    if version.is_prerelease and not asked.prereleases:
        return []
    prefix, variant = _prefix(version), version.variant
    tail = f"-{variant}" if variant else ""
    found = []
    for wanted, length in ((asked.minor, 2), (asked.major, 1)):
        if wanted:
            numbers = version.numbers[:length]
            tag = prefix + ".".join(map(str, numbers)) + tail
            found.append(Line(tag, prefix, numbers, variant, asked.prereleases))
    if asked.latest:
        found.append(Line(variant or LATEST, None, (), variant, asked.prereleases))
    return found


def newest(tags: Iterable[str], line: Line, read: Read) -> Version | None:
    """The newest version of a line; of many tags only those are read that could be it."""
    by_numbers: dict[tuple[int, ...], list[str]] = {}
    for tag in tags:
        if core := _core(tag):
            by_numbers.setdefault(tuple(map(int, core.groups())), []).append(tag)
    for numbers in sorted(by_numbers, reverse=True):
        versions = [version for tag in by_numbers[numbers] if (version := read(tag))]
        found = max((each for each in versions if line.has(each)), default=None)
        if found is not None:
            return found
    return None


def standings(tags: Iterable[str], asked: Asked, read: Read) -> Mapping[Line, Version]:
    """All lines of some tags, and the newest version of each."""
    found: dict[Line, Version] = {}
    for version in filter(None, map(read, tags)):
        for line in lines(version, asked):
            if line not in found or found[line] < version:
                found[line] = version
    return found
