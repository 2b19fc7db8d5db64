"""Grants: a subject has a role on the repositories of a pattern."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.db.connection import Connection

_COLUMNS = "id, subject, role, pattern, created_at, created_by, used_at"


@dataclass(frozen=True, slots=True)
class Grant:
    """A row; times are seconds since 1970."""

    id: int
    subject: str
    """kind:name, where the kind is user, group, robot or workload."""
    role: str
    pattern: str
    created_at: float
    created_by: str
    used_at: float | None

    def __str__(self) -> str:
        return f"grant {self.id}: {self.subject} is {self.role} on {self.pattern}"


def of_subjects(db: Connection, subjects: Sequence[str]) -> list[Grant]:
    """The grants of any of these subjects."""
    marks = ", ".join("?" * len(subjects))
    query = f"select {_COLUMNS} from permission where subject in ({marks}) order by id"
    return [Grant(*row) for row in db.execute(query, tuple(subjects))]


def held(
    db: Connection, subjects: Sequence[str], roles: Sequence[str], patterns: Sequence[str]
) -> bool:
    """Whether any of these subjects has any of the roles on any of these patterns."""
    marks = [", ".join("?" * len(each)) for each in (subjects, roles, patterns)]
    row = db.execute(
        f"select 1 from permission where subject in ({marks[0]}) and role in ({marks[1]}) "
        f"and pattern in ({marks[2]}) limit 1",
        (*subjects, *roles, *patterns),
    ).fetchone()
    return row is not None


def every(db: Connection) -> list[Grant]:
    """All grants, in the order in which they were made."""
    return [Grant(*row) for row in db.execute(f"select {_COLUMNS} from permission order by id")]


def listed(db: Connection, after: int, limit: int) -> list[Grant]:
    """Grants in that order, from the one behind `after` on."""
    query = f"select {_COLUMNS} from permission where id > ? order by id limit ?"
    return [Grant(*row) for row in db.execute(query, (after, limit))]


def find(db: Connection, number: int) -> Grant | None:
    """A grant by its number."""
    row = db.execute(f"select {_COLUMNS} from permission where id = ?", (number,)).fetchone()
    return Grant(*row) if row else None


def add(db: Connection, subject: str, role: str, pattern: str, by: str) -> Grant:
    """Make a grant; one that is there already stays as it is."""
    db.execute(
        "insert into permission (subject, role, pattern, created_at, created_by) "
        "values (?, ?, ?, ?, ?) on conflict do nothing",
        (subject, role, pattern, time.time(), by),
    )
    row = db.execute(
        f"select {_COLUMNS} from permission where subject = ? and role = ? and pattern = ?",
        (subject, role, pattern),
    ).fetchone()
    return Grant(*row)


def remove(db: Connection, number: int) -> bool:
    """Take a grant back. False where there was none."""
    return db.execute("delete from permission where id = ?", (number,)).rowcount > 0


def used(db: Connection, number: int, at: float) -> None:
    """Note when a grant let someone do something last."""
    db.execute(
        "update permission set used_at = :at where id = :id and coalesce(used_at, 0) < :at",
        {"at": at, "id": number},
    )
