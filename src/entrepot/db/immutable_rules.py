"""Rules of immutability as rows: which tags of which repositories hold still, and who said so.

A rule lies in one project and counts for the repositories that its pattern means. Next:
`db.immutable` asks them before anything is moved or deleted.
"""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from entrepot.db.connection import Connection
from entrepot.oci.expression import Expression
from entrepot.oci.names import Repository, covers

RELEASE = re.compile(r"v?(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2}").fullmatch
"""1.2.3 and v1.2.3; no pre-release, and no variant."""

MOST = 100
"""Rules that a project may have."""

LARGEST = 500
"""Size of all expressions of a project: they are asked while everybody else's writes wait."""


class Kind(StrEnum):
    """How a rule says which tags it means."""

    ALL = "all"
    SEMVER = "semver"
    """Releases of semantic versions."""
    GLOB = "glob"
    """As a shell has patterns: v*, release-?"""
    REGEX = "regex"


_WORDS = {Kind.ALL: "all tags", Kind.SEMVER: "semver releases"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A row; times are seconds since 1970."""

    id: int
    repositories: str
    """A pattern: team/*, team/app-* or team/app."""
    kind: Kind
    tags: str = ""
    """The glob or the regular expression."""
    created_at: float | None = None
    """None where it was set before that was kept."""
    created_by: str = ""

    @property
    def size(self) -> int:
        """What asking it costs, for each character of a tag."""
        return Expression.parse(self.tags).size if self.kind is Kind.REGEX else 0

    def means(self, tag: str) -> bool:
        """Whether a tag holds still by it."""
        if self.kind is Kind.ALL:
            return True
        if self.kind is Kind.SEMVER:
            return RELEASE(tag) is not None
        if self.kind is Kind.GLOB:
            return fnmatchcase(tag, self.tags)
        return Expression.parse(self.tags).matches(tag)

    @property
    def words(self) -> str:
        """What it is about: tags v* in team/*."""
        what = _WORDS.get(self.kind) or f"tags {self.tags}"
        return f"{what} in {self.repositories}"

    @property
    def setter(self) -> str:
        """Who set it, and when; "" where nobody kept that."""
        if self.created_at is None:
            return ""
        day = datetime.fromtimestamp(self.created_at, UTC).date()
        return f"set by {self.created_by} on {day}"

    def __str__(self) -> str:
        return f"rule {self.id} ({self.words}{', ' if self.setter else ''}{self.setter})"


_COLUMNS = "id, repositories, kind, tags, created_at, created_by"


def _read(row: tuple[object, ...]) -> Rule:
    number, repositories, kind, *rest = row
    return Rule(number, repositories, Kind(str(kind)), *rest)  # type: ignore[arg-type]


def of(db: Connection, repository: Repository) -> list[Rule]:
    """The rules that count for a repository, the oldest first."""
    rules = of_project(db, repository.project)
    return [rule for rule in rules if covers(rule.repositories, repository.name)]


def of_project(db: Connection, project: str) -> list[Rule]:
    """All rules of a project, the oldest first."""
    rows = db.execute(
        f"select {_COLUMNS} from immutable_rule where project = ? order by id", (project,)
    )
    return [_read(row) for row in rows]


def every(db: Connection) -> list[Rule]:
    """All rules, by what they are about."""
    rows = db.execute(f"select {_COLUMNS} from immutable_rule order by repositories, id")
    return [_read(row) for row in rows]


def find(db: Connection, number: int) -> Rule | None:
    """A rule by its number."""
    row = db.execute(f"select {_COLUMNS} from immutable_rule where id = ?", (number,)).fetchone()
    return _read(row) if row else None


def add(db: Connection, repositories: str, kind: Kind, tags: str = "", *, by: str) -> Rule:
    """Make a rule of a pattern that lies in one project; one that is there stays whose it is."""
    db.execute(
        "insert into immutable_rule (project, repositories, kind, tags, created_at, created_by) "
        "values (?, ?, ?, ?, ?, ?) on conflict (repositories, kind, tags) do nothing",
        (repositories.partition("/")[0], repositories, kind.value, tags, time.time(), by),
    )
    row = db.execute(
        f"select {_COLUMNS} from immutable_rule where repositories = ? and kind = ? and tags = ?",
        (repositories, kind.value, tags),
    ).fetchone()
    return _read(row)


def remove(db: Connection, number: int) -> bool:
    """Take a rule away. False where there is none."""
    return db.execute("delete from immutable_rule where id = ?", (number,)).rowcount > 0


def globs(rules: Iterable[Rule], project: str) -> list[str]:
    """The globs that count for all repositories of a project."""
    return [each.tags for each in rules if _is_glob(each, project)]


def set_globs(db: Connection, project: str, wanted: Sequence[str], *, by: str) -> None:
    """Have these globs, and no others, for all repositories of a project."""
    for rule in of_project(db, project):
        if _is_glob(rule, project) and rule.tags not in wanted:
            remove(db, rule.id)
    for tags in wanted:
        add(db, f"{project}/*", Kind.GLOB, tags, by=by)


def _is_glob(rule: Rule, project: str) -> bool:
    return rule.kind is Kind.GLOB and rule.repositories == f"{project}/*"
