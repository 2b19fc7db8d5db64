"""Freezes: until when nothing is promoted into a channel. A rollback goes through."""

import time
from dataclasses import dataclass

from entrepot.db.connection import Connection
from entrepot.oci.names import Repository


@dataclass(frozen=True, slots=True)
class Freeze:
    """A row; times are seconds since 1970."""

    scope: str
    """A project or a repository."""
    channel: str
    until: float | None
    """None until it is thawed."""
    reason: str
    created_at: float
    created_by: str


_COLUMNS = "scope, channel, until, reason, created_at, created_by"


def put(db: Connection, freeze: Freeze) -> Freeze:
    """Freeze a channel, in place of the freeze that it has."""
    row = db.execute(
        f"insert into channel_freeze ({_COLUMNS}) values (?, ?, ?, ?, ?, ?) "
        "on conflict (scope, channel) do update set until = excluded.until, "
        "reason = excluded.reason, created_at = excluded.created_at, "
        f"created_by = excluded.created_by returning {_COLUMNS}",
        (
            freeze.scope,
            freeze.channel,
            freeze.until,
            freeze.reason,
            freeze.created_at or time.time(),
            freeze.created_by,
        ),
    ).fetchone()
    return Freeze(*row)


def remove(db: Connection, scope: str, channel: str) -> bool:
    """End a freeze. False where there is none."""
    gone = db.execute(
        "delete from channel_freeze where scope = ? and channel = ? and "
        "(until is null or until > ?)",
        (scope, channel, time.time()),
    )
    return gone.rowcount > 0


def of(db: Connection, repository: Repository) -> tuple[Freeze, ...]:
    """Those that hold now: of a repository's channels, its project's included."""
    rows = db.execute(
        f"select {_COLUMNS} from channel_freeze where scope in (?, ?) "
        "and (until is null or until > ?) order by scope, channel",
        (repository.name, repository.project, time.time()),
    )
    return tuple(Freeze(*row) for row in rows)
