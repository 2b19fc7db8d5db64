"""Which part of a backup is wanted: a project, a repository, or one tag, with all that these need.

`plan` decides that from the tables alone. Next: `merge` brings it into a registry that lives.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository, Tag
from entrepot.upkeep.backup.vault import BackupError

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """`team`, `team/app` or `team/app:1.2`; a name without a slash is a project, and all in it."""

    name: str
    tag: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it. Raises `BackupError`."""
        name, colon, tag = text.partition(":")
        try:
            Repository.parse(name)
            if colon:
                Tag.parse(tag)
        except OCIError as error:
            raise BackupError(
                f"{text} is no part of a backup, such as team, team/app or team/app:1.2: {error}"
            ) from None
        return cls(name, tag)

    @property
    def is_project(self) -> bool:
        """Whether it means a project as a whole."""
        return "/" not in self.name and not self.tag

    def takes(self, repository: str) -> bool:
        """Whether it is of this repository."""
        inside = self.is_project and repository.startswith(f"{self.name}/")
        return repository == self.name or inside


@dataclass(slots=True)
class Wanted:
    """What is to be in a repository."""

    repository: str
    manifests: list[Row] = field(default_factory=list)
    """What a manifest needs comes before it."""
    tags: dict[str, str] = field(default_factory=dict)
    """Digests by tags."""


def plan(
    choices: Sequence[Choice],
    repositories: Iterable[Row],
    manifests: Iterable[Row],
    edges: Iterable[Row],
    tags: Iterable[Row],
) -> list[Wanted]:
    """What the choices mean, by rows of the tables. Raises `BackupError` for what is not there."""
    names = {
        row["id"]: row["name"]
        for row in repositories
        if row["trash"] is None and any(choice.takes(row["name"]) for choice in choices)
    }
    found: dict[int, dict[str, Row]] = defaultdict(dict)
    for row in manifests:
        if row["repository"] in names:
            found[row["repository"]][row["digest"]] = row
    parts: dict[int, set[str]] = defaultdict(set)
    for row in edges:
        if row["repository"] in names:
            parts[row["manifest"]].add(row["child"])
    tagged: dict[int, dict[str, str]] = defaultdict(dict)
    for row in tags:
        if row["repository"] in names:
            tagged[row["repository"]][row["name"]] = row["digest"]
    for choice in choices:
        numbers = [number for number, name in names.items() if choice.takes(name)]
        if not any(choice.tag in tagged[n] if choice.tag else found[n] for n in numbers):
            name = f"{choice.name}:{choice.tag}" if choice.tag else choice.name
            raise BackupError(f"{name} is not in the backup: see entrepot backup list for others")
    return [
        _wanted(name, [c for c in choices if c.takes(name)], found[n], parts, tagged[n])
        for n, name in sorted(names.items(), key=lambda each: each[1])
    ]


def _wanted(
    name: str,
    choices: Sequence[Choice],
    manifests: Mapping[str, Row],
    parts: Mapping[int, set[str]],
    tags: Mapping[str, str],
) -> Wanted:
    if all(choice.tag for choice in choices):
        chosen = {c.tag: tags[c.tag] for c in choices if c.tag in tags}
        needed = _closure(set(chosen.values()), manifests, parts)
    else:
        chosen, needed = dict(tags), set(manifests)
    rows = sorted((manifests[d] for d in needed), key=lambda row: (row["depth"], row["id"]))
    return Wanted(name, rows, {tag: d for tag, d in chosen.items() if d in needed})


def _closure(
    begin: set[str], manifests: Mapping[str, Row], parts: Mapping[int, set[str]]
) -> set[str]:
    """These, what they list, and what refers to any of them, as signatures do."""
    referrers: dict[str, set[str]] = defaultdict(set)
    for digest, row in manifests.items():
        if row["subject"]:
            referrers[row["subject"]].add(digest)
    found, new = set[str](), begin & manifests.keys()
    while new:
        found |= new
        below = set[str]().union(*(parts[manifests[d]["id"]] & manifests.keys() for d in new))
        beside = set[str]().union(*(referrers[d] for d in new))
        new = (below | beside) - found
    return found
