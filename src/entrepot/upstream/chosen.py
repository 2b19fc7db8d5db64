"""`choose`: which manifests of an image are copied, where not all platforms are wanted.

An index of some platforms is another index, with another digest; of one platform it is none.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from entrepot.oci import media
from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.upstream.place import Source, UnknownError, UpstreamError

Entry = dict[str, Any]
"""A descriptor of an index, as JSON has it."""

_MOST = 1000
"""Manifests of one image that are looked through for a platform; a source may say anything."""
_UNKNOWN = "unknown"
"""As the platform of what BuildKit attests about another."""
_ATTESTED = "vnd.docker.reference.digest"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
"""By what the kernel says, what images say."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Such as linux/amd64 or linux/arm/v7."""

    system: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it. Raises `UpstreamError`."""
        parts = text.split("/")
        if not 2 <= len(parts) <= 3 or not all(parts):
            raise UpstreamError(f"{text!r} is no platform: write one like linux/amd64")
        return cls(*parts)

    @classmethod
    def here(cls) -> Self:
        """Linux, on what this machine is."""
        import platform

        found = platform.machine().lower()
        return cls("linux", _ARCHITECTURES.get(found, found))

    def is_of(self, descriptor: Entry) -> bool:
        """Whether an entry of an index is for it; without a variant any is."""
        found = descriptor.get("platform") or {}
        return (
            found.get("os") == self.system
            and found.get("architecture") == self.architecture
            and (not self.variant or found.get("variant", "") == self.variant)
        )

    def __str__(self) -> str:
        return "/".join(each for each in (self.system, self.architecture, self.variant) if each)


def choose(source: Source, root: Manifest, platforms: Sequence[Platform]) -> Manifest:
    """What to copy in place of an image: itself, a smaller index, or one of its children. What
    other indexes inside it list is in the smaller index itself.

    Raises `UpstreamError` for a platform that it has not.
    """
    if not platforms or root.media_type not in media.INDEXES:
        return root
    listed = _Listed.of(source, root)
    wanted: list[Entry] = []
    for platform in platforms:
        wanted += [each for each in listed.meant_for(platform) if each not in wanted]
    if len(wanted) == 1:
        return source.manifest(_digest(wanted[0]))
    kept = {each["digest"] for each in wanted}
    told = [x for x in listed.entries if (x.get("annotations") or {}).get(_ATTESTED) in kept]
    smaller = {**json.loads(root.content), "manifests": [*wanted, *told]}
    return Manifest.read(json.dumps(smaller).encode(), root.media_type)


def images(source: Source, root: Manifest, platform: Platform) -> Iterator[Manifest]:
    """Those that a node of a platform may pull: where no variant is said, of each. Raises
    `UpstreamError`.
    """
    seen, left = set[str](), [root]
    while left:
        each = left.pop()
        if each.media_type not in media.INDEXES:
            yield each
            continue
        entries = _Listed.of(source, each).meant_for(platform)
        new = {_digest(entry) for entry in entries} - seen
        seen |= new
        _check(source, seen)
        left += [source.manifest(digest) for digest in sorted(new)]


def platforms_of(source: Source, root: Manifest) -> list[str]:
    """Those that an index has, such as linux/arm64; of what is none, none."""
    return _Listed.of(source, root).names if root.media_type in media.INDEXES else []


@dataclass(frozen=True, slots=True)
class _Listed:
    """What an index lists, and indexes in it that are for no platform of their own."""

    entries: list[Entry]
    lacks: UnknownError | None
    """Which of these is not there, as in a layout of some platforms."""

    @classmethod
    def of(cls, source: Source, root: Manifest) -> Self:
        """Read them all, each once. Raises `UpstreamError`."""
        found: dict[str, Entry] = {}
        seen, left, lacks = set[str](), [root], None
        while left:
            for entry in json.loads(left.pop().content)["manifests"]:
                digest = _digest(entry)
                if entry.get("platform") or entry.get("mediaType") not in media.INDEXES:
                    found.setdefault(json.dumps(entry, sort_keys=True), entry)
                elif digest not in seen:
                    seen.add(digest)
                    try:
                        left.append(source.manifest(digest))
                    except UnknownError as error:
                        lacks = error
            _check(source, seen)
        return cls(list(found.values()), lacks)

    def meant_for(self, platform: Platform) -> list[Entry]:
        """Those of a platform. Raises `UpstreamError` where there are none."""
        found = [each for each in self.entries if platform.is_of(each)]
        if not found and self.lacks is not None:
            raise self.lacks
        if not found:
            known = ", ".join(self.names) or "none with a name"
            raise UpstreamError(f"the image has no {platform}, but {known}")
        return found

    @property
    def names(self) -> list[str]:
        """Their platforms."""
        return _names(self.entries)


def _check(source: Source, seen: set[str]) -> None:
    if len(seen) > _MOST:
        raise UpstreamError(f"{source} has indexes inside each other without an end")


def _digest(entry: Entry) -> str:
    return str(Digest.parse(entry["digest"]))


def _names(entries: list[Entry]) -> list[str]:
    found = [each.get("platform") or {} for each in entries]
    names = {
        "/".join(str(each[key]) for key in ("os", "architecture", "variant") if each.get(key))
        for each in found
        if each.get("os") != _UNKNOWN
    }
    return sorted(names - {""})
