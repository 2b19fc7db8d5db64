"""`Belongings`: what a backup has of one project beside images: its terms, grants and rules.

They come back with a project that is made anew, and with no other: what a project that lives has
was said later. What narrows who may come is there before the first image; the rest comes behind
the last, since rules would hold up what they are to keep. A marker says that this is to come still.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from entrepot.db import (
    accounts,
    audit,
    grants,
    groups,
    issuers,
    manifests,
    projects,
    repositories,
    tables,
)
from entrepot.db.audit import By, Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository
from entrepot.upkeep.backup.choice import Row
from entrepot.upkeep.backup.opened import Opened
from entrepot.versions import floating

_FIRST = {"project": "name", "signer": "project", "demand": "project"}
_LAST = {
    "immutable_rule": "project",
    "floating_rule": "project",
    "retention": "pattern",
    "channel": "scope",
    "channel_freeze": "scope",
}
"""Tables, and the columns that say of which project a row is."""
_GRANTS = "permission"
_OF_IMAGES = ("version_note", "bad_version", "approval", "report")
_QUOTAS = ("quota", "quota_tags")
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Belongings:
    """Rows of a backup that belong to a project, by tables."""

    project: str
    rows: Mapping[str, list[Row]]
    names: Mapping[int, str]
    """Of its repositories, by their numbers in the backup."""

    @classmethod
    def read(cls, opened: Opened, project: str) -> "Belongings":
        """Those of a project."""
        scoped = {**_FIRST, **_LAST, _GRANTS: "pattern"}
        found = {
            table: [row for row in _all(opened, table) if _is_in(row[column], project)]
            for table, column in scoped.items()
        }
        names = {
            row["id"]: row["name"]
            for row in _all(opened, "repository")
            if row["trash"] is None and _is_in(row["name"], project)
        }
        for table in ("version_scheme", *_OF_IMAGES):
            found[table] = [row for row in _all(opened, table) if row["repository"] in names]
        return cls(project, found, names)

    def begin(self, db: Connection, by: By) -> bool:
        """Make the project, where there is none; whether the rest is to come, too."""
        if projects.find(db, self.project) is not None:
            return audit.marked(db, self._marker)[0] > 0
        for table in _FIRST:
            for row in self.rows[table]:
                without = dict.fromkeys(_QUOTAS) if table == "project" else {}
                _insert(db, table, {**row, **without})
        audit.mark(db, self._marker, (1, ""))
        record_access(db, Event("project create", by, reference=f"project:{self.project}"))
        return True

    def finish(self, db: Connection, by: By) -> "Returned":
        """Have the rest, of which grants go to those alone who are here."""
        returned = Returned(self.project)
        quotas = {name: self.rows["project"][0][name] for name in _QUOTAS}
        db.execute(
            "update project set quota = :quota, quota_tags = :quota_tags where name = :name",
            {**quotas, "name": self.project},
        )
        for table in _LAST:
            for row in self.rows[table]:
                _insert(db, table, row)
        for row in self.rows[_GRANTS]:
            self._grant(db, row, by, returned)
        self._note_images(db)
        for name in self.names.values():
            floating.refresh(db, Repository(name), by=by)
        db.execute("delete from marker where name = ?", (self._marker,))
        return returned

    @property
    def _marker(self) -> str:
        return f"restoring {self.project}"

    def _grant(self, db: Connection, row: Row, by: By, returned: "Returned") -> None:
        words = f"{row['subject']} {row['role']} {row['pattern']}"
        if not _is_here(db, row["subject"]):
            returned.skipped.append(words)
            return
        grants.add(db, row["subject"], row["role"], row["pattern"], by.actor)
        record_access(db, Event("grant add", by, reference=words))
        returned.grants.append(words)

    def _note_images(self, db: Connection) -> None:
        """What is said of versions, of those that came back."""
        for table in ("version_scheme", *_OF_IMAGES):
            for row in self.rows[table]:
                name = Repository(self.names[row["repository"]])
                here = repositories.identify(db, name)
                if here is not None and _has(db, name, row):
                    _insert(db, table, {**row, "repository": here})


@dataclass(slots=True)
class Returned:
    """What a project that was made anew got back."""

    project: str
    grants: list[str] = field(default_factory=list)
    """SUBJECT ROLE PATTERN"""
    skipped: list[str] = field(default_factory=list)
    """Grants to somebody who is not here."""


def _all(opened: Opened, table: str) -> Iterator[Row]:
    return (row for page in opened.pages(table, _PAGE) for row in page)


def _is_in(name: str, project: str) -> bool:
    return name == project or name.startswith(f"{project}/")


def _has(db: Connection, name: Repository, row: Row) -> bool:
    return "digest" not in row or manifests.holds(db, name, row["digest"])


def _insert(db: Connection, name: str, row: Row) -> None:
    """Add a row, under a number of its own where it has one."""
    table = next(each for each in tables.tables() if each.name == name)
    own = table.counted and table.key == ("id",)
    tables.add(db, table, {k: row[k] for k in table.columns if not (own and k == "id")})


def _is_here(db: Connection, subject: str) -> bool:
    kind, _, name = subject.partition(":")
    if kind == "group":
        return groups.find(db, name) is not None
    if kind == "workload":
        return any(trust.name == name for trust in issuers.trusts(db))
    return accounts.find(db, accounts.Kind(kind), name) is not None
