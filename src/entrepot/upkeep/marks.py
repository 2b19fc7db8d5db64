"""Marks: what somebody should know of an image that a workload has. Pure."""

from collections.abc import Iterable
from enum import StrEnum

from entrepot.db.workload_images import Listed
from entrepot.versions.reading import Scheme, Version, read


class Mark(StrEnum):
    """What is to be known."""

    MISSING = "missing"
    """It is here no more: a pod that starts elsewhere does not get it."""
    UNPINNED = "unpinned"
    """A tag is written, without a digest: it may mean another image tomorrow."""
    FOREIGN = "foreign"
    """It comes from another registry."""
    NEWER = "newer"
    """There is a newer version, or the tag means another image by now."""
    ROLLBACK = "rollback"
    """Only a rollback would need it."""


def marks(image: Listed, newest: str | None) -> list[Mark]:
    """The marks of an image; `newest` is what to take instead, if there is such a tag."""
    said = image.said
    ours = bool(said.repository)
    absent = bool(image.key.digest) and not image.there
    nameless = not said.pinned and image.named is None
    found = {
        Mark.MISSING: ours and (absent or nameless),
        Mark.UNPINNED: not said.pinned,
        Mark.FOREIGN: not ours,
        Mark.NEWER: newest is not None,
        Mark.ROLLBACK: said.state == "rollback",
    }
    return [mark for mark, holds in found.items() if holds]


def newer(image: Listed, tags: Iterable[str]) -> str | None:
    """The newest version among the tags of its repository that is newer than its own tag; or that
    tag, where it means another image than the one that was pulled. Pre-releases are for those who
    have one, and variants for those who have that.
    """
    own = read(image.said.tag, Scheme.SEMVER)
    if own is not None:
        versions = [version for tag in tags if (version := read(tag, Scheme.SEMVER))]
        better = [version for version in versions if _is_better(version, own)]
        if better:
            return max(better).tag
    return image.said.tag if _has_moved(image) else None


def _is_better(other: Version, own: Version) -> bool:
    released = own.is_prerelease or not other.is_prerelease
    return other.precedence > own.precedence and other.variant == own.variant and released


def _has_moved(image: Listed) -> bool:
    """What was pulled may be a platform of what the tag means."""
    if image.said.pinned or not image.key.digest or image.named is None:
        return False
    return image.named != image.key.digest and not image.part
