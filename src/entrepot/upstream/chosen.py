"""`choose`: which manifests of an image are copied, where not all platforms are wanted.

An index of some platforms is another index, with another digest; of one platform it is none.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from entrepot.oci import media
from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.upstream.place import Source, UpstreamError

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

    def is_of(self, descriptor: dict[str, Any]) -> bool:
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
    """What to copy in place of an image: itself, a smaller index, or one of its children.

    Raises `UpstreamError` for a platform that it has not.
    """
    if not platforms or root.media_type not in media.INDEXES:
        return root
    document = json.loads(root.content)
    entries = document["manifests"]
    wanted: list[dict[str, Any]] = []
    for platform in platforms:
        found = [each for each in entries if platform.is_of(each)]
        if not found:
            raise UpstreamError(f"the image has no {platform}, but {_known(entries)}")
        wanted += [each for each in found if each not in wanted]
    if len(wanted) == 1:
        return source.manifest(str(Digest.parse(wanted[0]["digest"])))
    kept = {each["digest"] for each in wanted}
    told = [x for x in entries if (x.get("annotations") or {}).get(_ATTESTED) in kept]
    smaller = {**document, "manifests": [*wanted, *told]}
    return Manifest.read(json.dumps(smaller).encode(), root.media_type)


def platforms_of(root: Manifest) -> list[str]:
    """Those that an index has, such as linux/arm64; of what is none, none."""
    if root.media_type not in media.INDEXES:
        return []
    return _names(json.loads(root.content)["manifests"])


def _known(entries: list[dict[str, Any]]) -> str:
    return ", ".join(_names(entries)) or "none with a name"


def _names(entries: list[dict[str, Any]]) -> list[str]:
    found = [each.get("platform") or {} for each in entries]
    names = {
        "/".join(str(each[key]) for key in ("os", "architecture", "variant") if each.get(key))
        for each in found
        if each.get("os") != _UNKNOWN
    }
    return sorted(names - {""})
