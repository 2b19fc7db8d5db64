"""Secrets that a machine made: tokens, robots' secrets, sessions, refresh tokens; hashes only."""

import json
import time
from dataclasses import dataclass
from enum import StrEnum

from entrepot.db.connection import Connection

_COLUMNS = "id, kind, account, name, limits, parent, created_at, expires_at, used_at"


class Kind(StrEnum):
    """What a secret is for."""

    PERSONAL = "personal"
    ROBOT = "robot"
    SESSION = "session"
    """What the command line keeps after a login by password."""
    REFRESH = "refresh"


Limits = tuple[tuple[str, str], ...]
"""Role and pattern, each; a secret with limits may do what one of them allows, and no more."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A row without its hash; times are seconds since 1970."""

    id: int
    kind: Kind
    account: int
    name: str
    limits: Limits | None
    parent: int | None
    """The secret that this one was made with, and goes with."""
    created_at: float
    expires_at: float | None
    used_at: float | None

    @property
    def life(self) -> float:
        """Seconds from its making to its end."""
        return float("inf") if self.expires_at is None else self.expires_at - self.created_at


def _read(row: tuple[object, ...]) -> Secret:
    number, kind, account, name, limits, *rest = row
    read = tuple((role, pattern) for role, pattern in json.loads(str(limits))) if limits else None
    return Secret(number, Kind(kind), account, name, read, *rest)  # type: ignore[arg-type]


def add(
    db: Connection,
    kind: Kind,
    account: int,
    name: str,
    fingerprint: str,
    *,
    limits: Limits | None = None,
    parent: int | None = None,
    expires_at: float | None = None,
) -> Secret:
    """Keep a secret's hash."""
    row = db.execute(
        "insert into secret (kind, account, name, hash, limits, parent, created_at, expires_at) "
        f"values (?, ?, ?, ?, ?, ?, ?, ?) returning {_COLUMNS}",
        (
            kind.value,
            account,
            name,
            fingerprint,
            json.dumps(limits) if limits is not None else None,
            parent,
            time.time(),
            expires_at,
        ),
    ).fetchone()
    return _read(row)


def by_hash(db: Connection, fingerprint: str) -> Secret | None:
    """The secret with this hash, be it expired or not."""
    row = db.execute(f"select {_COLUMNS} from secret where hash = ?", (fingerprint,)).fetchone()
    return _read(row) if row else None


def by_id(db: Connection, number: int) -> Secret | None:
    """A secret by its row."""
    row = db.execute(f"select {_COLUMNS} from secret where id = ?", (number,)).fetchone()
    return _read(row) if row else None


def of_account(db: Connection, account: int, kind: Kind) -> list[Secret]:
    """An account's secrets, the oldest first."""
    rows = db.execute(
        f"select {_COLUMNS} from secret where account = ? and kind = ? order by id",
        (account, kind.value),
    )
    return [_read(row) for row in rows]


def every(db: Connection) -> list[Secret]:
    """Personal tokens and robots' secrets, for a review."""
    rows = db.execute(
        f"select {_COLUMNS} from secret where kind in ('personal', 'robot') order by id"
    )
    return [_read(row) for row in rows]


def end(db: Connection, number: int, at: float) -> None:
    """Let a secret, and those that were made with it, be good no longer than until `at`."""
    db.execute(
        "update secret set expires_at = :at where (id = :number or parent = :number) "
        "and (expires_at is null or expires_at > :at)",
        {"at": at, "number": number},
    )


def keep_newest(db: Connection, account: int, kind: Kind, limit: int) -> None:
    """Delete those of an account beyond so many, the oldest first."""
    db.execute(
        "delete from secret where account = :account and kind = :kind and id <= (select id "
        "from secret where account = :account and kind = :kind order by id desc limit 1 "
        "offset :limit)",
        {"account": account, "kind": kind.value, "limit": limit},
    )


def remove(db: Connection, number: int) -> bool:
    """Delete a secret and those that were made with it."""
    return db.execute("delete from secret where id = ?", (number,)).rowcount > 0


def used(db: Connection, number: int, at: float) -> None:
    """Note when a secret was used last."""
    db.execute(
        "update secret set used_at = :at where id = :id and coalesce(used_at, 0) < :at",
        {"at": at, "id": number},
    )


def expire(db: Connection, before: float) -> int:
    """Forget secrets that ended before `before`; how many those were."""
    return db.execute("delete from secret where expires_at < ?", (before,)).rowcount
