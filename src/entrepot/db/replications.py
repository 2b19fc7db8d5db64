"""Replications: rules by which images are kept the same here and in another registry.

Their passwords lie sealed, where there are keys (`db.sealed`). Next: `db.replication_tags`, how far
each is; `db.replicated`, what came here in this way.
"""

import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from entrepot.db import changes, sealed
from entrepot.db.clocks import APART
from entrepot.db.connection import Connection
from entrepot.db.sealed import Sealed
from entrepot.db.upstreams import Kind

_SET = (
    "direction, url, kind, login, secret, key, ca, pattern, target, tags, versions, referrers, "
    "deletions, rate, every, paused"
)
_COLUMNS = f"name, {_SET}, cursor, there, asked_at, compared_at, error, created_at, created_by"


class Direction(StrEnum):
    """Which end is the source."""

    PUSH = "push"
    """This registry is."""
    PULL = "pull"
    """The other one is."""


@dataclass(frozen=True, slots=True)
class Replication:
    """A row, opened; times are seconds since 1970."""

    name: str
    direction: Direction
    url: str
    """https://HOST[:PORT]"""
    pattern: str
    """Repositories, by their names at the source."""
    kind: Kind = Kind.PLAIN
    login: str = ""
    """A user's name there; "" where nobody logs in."""
    secret: str = field(default="", repr=False)
    ca: str = ""
    """In PEM, in place of the system's."""
    target: str = ""
    """What comes before those names at the other end; "" for nothing."""
    tags: tuple[str, ...] = ()
    """Patterns of tags; all where there are none."""
    versions: str = ""
    """A range of versions, in place of those; "" for none."""
    referrers: bool = True
    """Whether what refers to an image goes with it."""
    deletions: bool = False
    """Whether a tag that is deleted at the source is deleted at the other end."""
    rate: int | None = None
    """Bytes of blobs a second; None for no limit."""
    every: float = 24 * 3600.0
    """Seconds between two compares of everything."""
    paused: bool = False
    cursor: int = 0
    """Changes up to this one have been put in line."""
    there: int | None = None
    """The same in the other registry's log; None where that is not followed."""
    asked_at: float | None = None
    """When somebody asked for a compare."""
    compared_at: float | None = None
    """When the last one that was whole began."""
    error: str = ""
    """Of the last compare, or of the rule itself."""
    created_at: float = 0
    created_by: str = ""
    locked: str = ""
    """Why the secret cannot be opened; "" where it can."""

    def next_compare(self, least: float = 0.0) -> float:
        """When all of it is to be compared, so many seconds after the last time at least."""
        latest = time.time() + APART
        if self.compared_at is None or self.compared_at > latest:
            return 0.0
        asked = self.asked_at is not None and self.compared_at <= self.asked_at <= latest
        return 0.0 if asked else self.compared_at + max(self.every, least)


def _read(db: Connection, row: Any) -> Replication:
    name, direction, url, kind, login, kept, key, ca, pattern, target, tags, *rest = row
    versions, referrers, deletions, rate, every, paused, *state = rest
    secret, locked = sealed.try_text(db, (Sealed.REPLICATION_SECRET, name), kept, key)
    rule = Replication(
        name,
        Direction(direction),
        url,
        pattern,
        Kind(kind),
        login,
        secret,
        ca,
        target,
        tuple(tags.split()),
        versions,
        bool(referrers),
        bool(deletions),
        rate,
        every,
        bool(paused),
        *state,
    )
    return replace(rule, locked=locked)


def find(db: Connection, name: str) -> Replication | None:
    """One of them."""
    row = db.execute(f"select {_COLUMNS} from replication where name = ?", (name,)).fetchone()
    return _read(db, row) if row else None


def listed(db: Connection, after: str, limit: int) -> list[Replication]:
    """In order of their names, from the one behind `after` on."""
    rows = db.execute(
        f"select {_COLUMNS} from replication where name > ? order by name limit ?", (after, limit)
    ).fetchall()
    return [_read(db, row) for row in rows]


def names(db: Connection) -> list[str]:
    """Of all, in order."""
    return [name for (name,) in db.execute("select name from replication order by name")]


def add(db: Connection, made: Replication) -> Replication:
    """Keep a new one: it hears of what comes from now on, and compares all that is there."""
    made = replace(made, cursor=changes.newest(db), created_at=time.time())
    db.execute(
        "insert into replication (name, direction, url, pattern, every, cursor, created_at, "
        "created_by) values (?, '', '', '', 0, ?, ?, ?)",
        (made.name, made.cursor, made.created_at, made.created_by),
    )
    put(db, made)
    return made


def put(db: Connection, rule: Replication) -> None:
    """Write down what can be set of one."""
    kept = sealed.seal_text(db, (Sealed.REPLICATION_SECRET, rule.name), rule.secret)
    columns = " = ?, ".join(_SET.split(", "))
    db.execute(
        f"update replication set {columns} = ? where name = ?",
        (
            rule.direction.value,
            rule.url,
            rule.kind.value,
            rule.login,
            *kept,
            rule.ca,
            rule.pattern,
            rule.target,
            " ".join(rule.tags),
            rule.versions,
            int(rule.referrers),
            int(rule.deletions),
            rule.rate,
            rule.every,
            int(rule.paused),
            rule.name,
        ),
    )


def ask(db: Connection, name: str, now: float) -> None:
    """Have all of one compared soon, and what failed tried at once."""
    db.execute("update replication set asked_at = ? where name = ?", (now, name))
    db.execute(
        "update replication_tag set next_at = ? where rule = ? and state = 'waiting' "
        "and next_at > ?",
        (now, name, now),
    )


def compared(db: Connection, name: str, at: float | None, error: str) -> None:
    """Write down what came of a compare that began then; None where it was not whole."""
    db.execute(
        "update replication set error = ?, compared_at = coalesce(?, compared_at) where name = ?",
        (error, at, name),
    )


def move(db: Connection, name: str, cursor: int) -> None:
    """Note how far the log was read for it."""
    db.execute(
        "update replication set cursor = ? where name = ? and cursor < ?", (cursor, name, cursor)
    )


def hold_pushes(db: Connection, why: str) -> list[str]:
    """Pause those that push, and say why; the names of those."""
    rows = db.execute(
        "update replication set paused = 1, error = ? where direction = ? and paused = 0 "
        "returning name",
        (why, Direction.PUSH.value),
    ).fetchall()
    return sorted(name for (name,) in rows)


def follow(db: Connection, name: str, there: int | None) -> None:
    """Note how far the other registry's log was read; None where it is followed no more."""
    db.execute("update replication set there = ? where name = ?", (there, name))


def remove(db: Connection, name: str) -> bool:
    """Delete one; what it copied stays. False where there was none."""
    return db.execute("delete from replication where name = ?", (name,)).rowcount > 0
