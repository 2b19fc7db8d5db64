"""Patterns of repositories' names: `*`, a prefix such as `team/*` or `team/app-*`, or one name.

`team/*` is all of the project team, the repository that is called just `team` included.
"""

import re

from entrepot.oci import names
from entrepot.oci.names import REPOSITORY_PATTERN, Repository

ANY = "*"
_END = "\U0010ffff"
"""Sorts behind every name."""

_repository = re.compile(REPOSITORY_PATTERN).fullmatch
_prefix = re.compile(rf"{REPOSITORY_PATTERN}(?:/|\.|_|__|-+)?\*").fullmatch

Range = tuple[str, str]
"""Names from the first to the second, both included."""


def parse(text: str) -> str:
    """Check a pattern. Raises ValueError, which says how one is written."""
    if text == ANY or (len(text) <= 255 and (_repository(text) or _prefix(text))):
        return text
    raise ValueError(
        f"{text[:80]!r} is no pattern of repositories: write *, team/*, team/app-* or team/app"
    )


covers = names.covers
"""Whether a repository is meant by a pattern."""


def contains(outer: str, inner: str) -> bool:
    """Whether all that `inner` means is meant by `outer` too."""
    if not inner.endswith(ANY):
        return covers(outer, inner)
    if not outer.endswith(ANY):
        return False
    return inner[:-1].startswith(outer[:-1])


def project_of(pattern: str) -> str | None:
    """The one project that the pattern lies in; None where it may mean several."""
    first, slash, _ = pattern.partition("/")
    if slash:
        return first
    return None if pattern.endswith(ANY) else pattern


def ranges(patterns: list[str]) -> list[Range]:
    """What the patterns mean together, as ranges in order that do not touch."""
    merged: list[Range] = []
    for first, last in sorted(found for pattern in patterns for found in _ranges(pattern)):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return merged


def _ranges(pattern: str) -> list[Range]:
    if not pattern.endswith(ANY):
        return [(pattern, pattern)]
    prefix = pattern[:-1]
    found = [(prefix, prefix + _END)]
    if prefix.endswith("/"):
        found.append((prefix[:-1], prefix[:-1]))
    return found


def project(repository: Repository) -> str:
    """The project that a repository belongs to: the first part of its name."""
    return repository.name.partition("/")[0]


def meaning(name: str) -> list[str]:
    """Every pattern that means a repository."""
    return [name, f"{name}/{ANY}", *(name[:length] + ANY for length in range(len(name) + 1))]
