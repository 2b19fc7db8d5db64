"""Stays: which manifest was in a channel from when to when, and what can be gone back to.

Each row says whether it is kept, and is told so whenever that may change: so whoever takes things
away asks for one column (`db.running`).
"""

import time
from dataclasses import dataclass
from enum import StrEnum

from entrepot.db.channels import Channel
from entrepot.db.connection import Connection
from entrepot.db.trash import Place

_LOOKED_BACK = 200
"""Stays of a channel that are looked at for what can be gone back to."""


class Ended(StrEnum):
    """Why a manifest is not in a channel any more."""

    SUPERSEDED = "superseded"
    """Another one was promoted."""
    ROLLED_BACK = "rolled back"
    CLOSED = "closed"
    """The channel is none any more, or its tag was gone."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may come into a channel."""

    version: str
    """The tag by which it is named, or its digest."""
    digest: str


@dataclass(frozen=True, slots=True)
class Stay:
    """A row; times are seconds since 1970."""

    id: int
    channel: str
    digest: str
    version: str
    """The tag by which it came, or its digest."""
    since: float
    actor: str
    """Who brought it."""
    reason: str
    until: float | None
    """None while it is there."""
    ended: str | None
    kept: bool
    """Whether it is there, or could be gone back to."""


_COLUMNS = "id, channel, digest, version, since, actor, reason, until, ended, kept"


def _read(row: tuple[object, ...]) -> Stay:
    return Stay(*row[:-1], bool(row[-1]))  # type: ignore[arg-type, call-arg]


def current(db: Connection, number: int, channel: str) -> Stay | None:
    """What is in a channel; None where nothing is."""
    row = db.execute(
        f"select {_COLUMNS} from stay where repository = ? and channel = ? and until is null",
        (number, channel),
    ).fetchone()
    return _read(row) if row else None


def listed(db: Connection, number: int, channel: str | None, before: int, limit: int) -> list[Stay]:
    """Stays in a channel, or in all of them, the newest first."""
    where = "and channel = ? " if channel else ""
    values = [channel] if channel else []
    rows = db.execute(
        f"select {_COLUMNS} from stay where repository = ? {where}and id < ? "
        "order by id desc limit ?",
        (number, *values, before, limit),
    )
    return [_read(row) for row in rows]


def longest(db: Connection, number: int, channel: str, digest: str, now: float) -> float | None:
    """For how many seconds at once a manifest was in a channel; None where it never was."""
    row = db.execute(
        "select max(coalesce(until, ?) - since) from stay "
        "where repository = ? and digest = ? and channel = ?",
        (now, number, digest, channel),
    ).fetchone()
    found: float | None = row[0]
    return found


def begin(
    db: Connection, number: int, channel: str, came: Candidate, by: str, *, reason: str
) -> Stay:
    """Say that a manifest came into a channel; the one before must have ended."""
    row = db.execute(
        "insert into stay (repository, channel, digest, version, since, actor, reason, kept) "
        f"values (?, ?, ?, ?, ?, ?, ?, 1) returning {_COLUMNS}",
        (number, channel, came.digest, came.version, time.time(), by, reason),
    ).fetchone()
    return _read(row)


def end(db: Connection, number: int, channel: str, why: Ended) -> None:
    """Say that what is in a channel has left it."""
    db.execute(
        "update stay set until = ?, ended = ?, kept = 0 "
        "where repository = ? and channel = ? and until is null",
        (time.time(), why.value, number, channel),
    )


def earlier(db: Connection, number: int, channel: str, limit: int) -> list[Stay]:
    """The last stay of each manifest that can be gone back to, the newest first: it is here, not
    bad, and not what is in the channel now.
    """
    rows = db.execute(
        f"select {_COLUMNS} from stay where id in (select max(s.id) from "
        "(select id, repository, digest from stay where repository = :number "
        "and channel = :channel and until is not null order by id desc limit :most) s "
        "where exists (select 1 from manifest m where m.repository = s.repository "
        "and m.digest = s.digest and length(m.content) > 0) "
        "and not exists (select 1 from bad_version b where b.repository = s.repository "
        "and b.digest = s.digest) "
        "and not exists (select 1 from stay o where o.repository = s.repository "
        "and o.channel = :channel and o.until is null and o.digest = s.digest) "
        "group by s.digest) order by id desc limit :limit",
        {"number": number, "channel": channel, "most": _LOOKED_BACK, "limit": limit},
    )
    return [_read(row) for row in rows]


def weigh(db: Connection, number: int, channel: Channel) -> None:
    """Say anew which earlier stays in a channel are kept for a rollback."""
    db.execute(
        "update stay set kept = 0 where repository = ? and channel = ? and kept = 1 "
        "and until is not null",
        (number, channel.name),
    )
    kept = earlier(db, number, channel.name, channel.keep)
    db.executemany("update stay set kept = 1 where id = ?", [(stay.id,) for stay in kept])


def adopt(db: Connection, place: Place, channels: tuple[Channel, ...]) -> None:
    """Make stays of what is in a repository's channels now: of tags that were there before them,
    too; and end those in channels that are none any more. Changes no tag.
    """
    number, _ = place
    rows = db.execute(
        "select channel, digest from stay where repository = ? and until is null", (number,)
    )
    there = dict(rows.fetchall())
    names = {each.name for each in channels}
    for name in set(there) - names:
        end(db, number, name, Ended.CLOSED)
        db.execute("update stay set kept = 0 where repository = ? and channel = ?", (number, name))
    for channel in channels:
        _adopt(db, number, channel.name, there.get(channel.name))
        weigh(db, number, channel)


def _adopt(db: Connection, number: int, channel: str, there: str | None) -> None:
    row = db.execute(
        "select digest, moved_at from tag where repository = ? and name = ?", (number, channel)
    ).fetchone()
    digest, moved_at = row or (None, 0)
    if digest == there:
        return
    end(db, number, channel, Ended.CLOSED)
    if digest is not None:
        db.execute(
            "insert into stay (repository, channel, digest, version, since, actor, reason, kept) "
            "select :number, :channel, :digest, coalesce((select min(name) from tag "
            "where repository = :number and digest = :digest and name <> :channel), :digest), "
            "cast(:moved_at as double precision), '', '', 1",
            {"number": number, "channel": channel, "digest": digest, "moved_at": moved_at},
        )
