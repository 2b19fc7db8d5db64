"""Accounts: users, who are people, and robots, for CI and clusters. Next: `db.secrets`.

An account that is disabled keeps its name, its grants and its history, and is let in nowhere.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from entrepot.db.connection import Connection

_COLUMNS = (
    "id, kind, name, description, email, password, identity, disabled, created_at, created_by, "
    "seen_at"
)


class Kind(StrEnum):
    """Whom an account is for."""

    USER = "user"
    ROBOT = "robot"


@dataclass(frozen=True, slots=True)
class Account:
    """A row; times are seconds since 1970."""

    id: int
    kind: Kind
    name: str
    description: str
    email: str | None
    password: str | None
    """Argon2id; None for a robot, and for a user who comes by single sign-on."""
    identity: str | None
    """Issuer and subject of single sign-on."""
    disabled: bool
    created_at: float
    created_by: str
    seen_at: float | None

    @property
    def subject(self) -> str:
        """How grants name it: user:alice."""
        return f"{self.kind}:{self.name}"


def find(db: Connection, kind: Kind, name: str) -> Account | None:
    """An account by its name."""
    return _one(db, "kind = ? and name = ?", kind.value, name)


def by_id(db: Connection, number: int) -> Account | None:
    """An account by its row."""
    return _one(db, "id = ?", number)


def by_identity(db: Connection, identity: str) -> Account | None:
    """The user who came by this identity of single sign-on before."""
    return _one(db, "identity = ?", identity)


def _one(db: Connection, condition: str, *values: object) -> Account | None:
    row = db.execute(f"select {_COLUMNS} from account where {condition}", values).fetchone()
    return _read(row) if row else None


def _read(row: tuple[object, ...]) -> Account:
    number, kind, *rest = row
    return Account(number, Kind(kind), *rest)  # type: ignore[arg-type]


def listed(db: Connection, kind: Kind, after: str, limit: int) -> list[Account]:
    """Accounts by name, from the one behind `after` on."""
    rows = db.execute(
        f"select {_COLUMNS} from account where kind = ? and name > ? order by name limit ?",
        (kind.value, after, limit),
    )
    return [_read(row) for row in rows]


def every(db: Connection) -> Iterator[Account]:
    """All of them, for a review."""
    return map(_read, db.execute(f"select {_COLUMNS} from account order by kind, name"))


def create(
    db: Connection,
    kind: Kind,
    name: str,
    by: str,
    *,
    description: str = "",
    email: str | None = None,
    password: str | None = None,
    identity: str | None = None,
) -> Account:
    """Make an account. Raises sqlite3.IntegrityError where the name is taken."""
    row = db.execute(
        "insert into account (kind, name, description, email, password, identity, created_at, "
        f"created_by) values (?, ?, ?, ?, ?, ?, ?, ?) returning {_COLUMNS}",
        (kind.value, name, description, email, password, identity, time.time(), by),
    ).fetchone()
    return _read(row)


def describe(db: Connection, number: int, description: str, email: str | None) -> None:
    """Say whose or what for it is."""
    db.execute(
        "update account set description = ?, email = ? where id = ?", (description, email, number)
    )


def set_password(
    db: Connection, number: int, password: str | None, *, keep: int | None = None
) -> None:
    """Change a password's hash; sessions and refresh tokens end, but for the session `keep`."""
    db.execute("update account set password = ? where id = ?", (password, number))
    _end_sessions(db, number, keep)


def _end_sessions(db: Connection, number: int, keep: int | None = None) -> None:
    db.execute(
        "delete from secret where account = ? and kind in ('session', 'refresh') and id <> ?",
        (number, -1 if keep is None else keep),
    )


def set_identity(db: Connection, number: int, identity: str | None) -> None:
    """Say who comes by single sign-on; memberships that came by another's go.

    Raises sqlite3.IntegrityError where another account has this identity.
    """
    db.execute("update account set identity = ? where id = ?", (identity, number))
    db.execute("delete from member where account = ? and single = 1", (number,))


def set_disabled(db: Connection, number: int, disabled: bool) -> None:
    """Let nobody in with it any more, or again."""
    db.execute("update account set disabled = ? where id = ?", (disabled, number))
    if disabled:
        _end_sessions(db, number)


def remove(db: Connection, account: Account) -> None:
    """Delete an account with its secrets, memberships and grants."""
    db.execute("delete from permission where subject = ?", (account.subject,))
    db.execute("delete from account where id = ?", (account.id,))


def saw(db: Connection, number: int, at: float) -> None:
    """Note when the account was used last."""
    db.execute(
        "update account set seen_at = :at where id = :id and coalesce(seen_at, 0) < :at",
        {"at": at, "id": number},
    )


def any_user(db: Connection) -> bool:
    """Whether there is a user at all."""
    return db.execute("select 1 from account where kind = 'user' limit 1").fetchone() is not None
