"""Rules of floating tags as rows: where the registry itself has 1, 1.4 and latest follow versions.

Whoever else would move or delete a tag that floats is refused here, and told who asked for it.
Next: `versions.floating` moves them, in the transaction that brings or takes a version.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from entrepot.db.connection import Connection
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository, covers


@dataclass(frozen=True, slots=True)
class Asked:
    """Which tags are to float."""

    major: bool = False
    """1, of the newest 1.x.y"""
    minor: bool = False
    """1.4, of the newest 1.4.x"""
    latest: bool = False
    """latest, of the newest; and alpine, of the newest such as 1.4.2-alpine."""
    prereleases: bool = False
    """Whether pre-releases count as well."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A row; times are seconds since 1970."""

    repositories: str
    """A pattern: team/*, team/app-* or team/app."""
    asked: Asked
    created_at: float
    created_by: str

    def __str__(self) -> str:
        day = datetime.fromtimestamp(self.created_at, UTC).date()
        return f"as {self.created_by} asked on {day} for {self.repositories}"


_COLUMNS = "repositories, major, minor, latest, prereleases, created_at, created_by"


def _read(row: tuple[object, ...]) -> Rule:
    repositories, major, minor, latest, prereleases, *rest = row
    asked = Asked(bool(major), bool(minor), bool(latest), bool(prereleases))
    return Rule(repositories, asked, *rest)  # type: ignore[arg-type]


def of(db: Connection, repository: Repository) -> Rule | None:
    """The rule that counts for a repository: that of the longest pattern."""
    rows = db.execute(
        f"select {_COLUMNS} from floating_rule where project = ?", (repository.project,)
    )
    found = [rule for rule in map(_read, rows) if covers(rule.repositories, repository.name)]
    return max(found, key=lambda rule: _narrow(rule.repositories), default=None)


def _narrow(pattern: str) -> tuple[int, bool]:
    """Of patterns that mean one repository, the narrower one is greater."""
    return len(pattern.removesuffix("*")), not pattern.endswith("*")


def every(db: Connection) -> list[Rule]:
    """All rules, by pattern."""
    rows = db.execute(f"select {_COLUMNS} from floating_rule order by repositories")
    return [_read(row) for row in rows]


def put(db: Connection, repositories: str, asked: Asked, by: str) -> Rule:
    """Set what floats in the repositories of a pattern, in place of what did."""
    row = db.execute(
        "insert into floating_rule (repositories, project, major, minor, latest, prereleases, "
        "created_at, created_by) values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (repositories) "
        "do update set major = excluded.major, minor = excluded.minor, latest = excluded.latest, "
        "prereleases = excluded.prereleases, created_at = excluded.created_at, "
        f"created_by = excluded.created_by returning {_COLUMNS}",
        (
            repositories,
            repositories.partition("/")[0],
            asked.major,
            asked.minor,
            asked.latest,
            asked.prereleases,
            time.time(),
            by,
        ),
    ).fetchone()
    return _read(row)


def remove(db: Connection, repositories: str) -> bool:
    """Take the rule of a pattern away: what floated stays where it is. False where it has none."""
    done = db.execute("delete from floating_rule where repositories = ?", (repositories,))
    return done.rowcount > 0


def floating(db: Connection, number: int) -> dict[str, str]:
    """The tags of a repository that float, and the version that each stands for."""
    rows = db.execute(
        "select name, floats from tag where repository = ? and floats is not null order by name",
        (number,),
    )
    return dict(rows.fetchall())


def floating_in(db: Connection, project: str) -> list[tuple[Repository, str]]:
    """All tags of a project that float."""
    rows = db.execute(
        "select r.name, t.name from repository r join tag t on t.repository = r.id "
        "and t.floats is not null where (r.name = ? or (r.name > ? and r.name < ?)) "
        "and r.trash is null order by r.name, t.name",
        (project, f"{project}/", f"{project}0"),  # 0 comes behind the slash
    )
    return [(Repository(repository), tag) for repository, tag in rows]


def stands_for(db: Connection, number: int, tag: str) -> str | None:
    """The tag of the version that a tag stands for; None where it does not float."""
    row = db.execute(
        "select floats from tag where repository = ? and name = ?", (number, tag)
    ).fetchone()
    return row[0] if row else None


_NOT_BAD = (
    "not exists (select 1 from bad_version b "
    "where b.repository = t.repository and b.digest = t.digest)"
)


def digest_of(db: Connection, number: int, tag: str) -> str:
    """What a version's tag points to; "" where it is gone, or marked as bad."""
    row = db.execute(
        f"select digest from tag t where repository = ? and name = ? and {_NOT_BAD}",
        (number, tag),
    ).fetchone()
    return row[0] if row else ""


def versions(db: Connection, number: int, reach: tuple[str, str]) -> list[tuple[str, str]]:
    """Tags and what they point to, those between two names, without bad ones."""
    return db.execute(
        "select name, digest from tag t where repository = ? and name > ? and name < ? "
        f"and {_NOT_BAD}",
        (number, *reach),
    ).fetchall()


def keeper(db: Connection, repository: Repository, stands: str | None) -> Rule | None:
    """By which rule the registry keeps a tag that stands for a version; None where it does not."""
    return None if stands is None else of(db, repository)


def check(db: Connection, repository: Repository, tag: str, stands: str | None) -> None:
    """Raise DENIED where a tag floats, which says by whose wish."""
    if rule := keeper(db, repository, stands):
        raise OCIError(
            Code.DENIED,
            f"{repository}:{tag} floats: the registry itself moves it, now to {stands}, {rule}; "
            "push a version, or have that taken away",
            detail={"tag": tag, "floats_with": stands, "asked_by": rule.created_by},
        )
