"""Lines: a webhook's deliveries of one repository wait in one, and only the first of it is sent.

So one that fails holds up no other repository, nor another webhook. Next: `db.deliveries`.
"""

from dataclasses import dataclass

from entrepot.db.clocks import APART
from entrepot.db.connection import Connection


@dataclass(frozen=True, slots=True)
class Line:
    """A row: something waits."""

    webhook: str
    repository: str
    next_at: float
    """When the first of it may be sent; seconds since 1970."""


def webhooks(db: Connection) -> dict[str, float]:
    """Those for which anything waits, in order, and when the time of its first line comes, or came;
    costs as much as there are of these, however long their lines.
    """
    rows = db.execute(
        "with recursive found (webhook) as (select min(webhook) from webhook_line union all "
        "select (select min(l.webhook) from webhook_line l where l.webhook > found.webhook) "
        "from found where found.webhook is not null) "
        "select webhook, (select min(l.next_at) from webhook_line l "
        "where l.webhook = found.webhook) from found where webhook is not null"
    )
    return dict(rows.fetchall())


def due(db: Connection, webhook: str, now: float, limit: int) -> list[Line]:
    """Lines whose time has come, those that wait longest first."""
    rows = db.execute(
        "select webhook, repository, next_at from webhook_line where webhook = ? and next_at <= ? "
        "order by next_at, repository limit ?",
        (webhook, now, limit),
    )
    return [Line(*row) for row in rows]


def next_at(db: Connection, webhook: str, now: float) -> float | None:
    """When the time of the next line comes, of those that still wait for it; None for none."""
    found: float | None = db.execute(
        "select min(next_at) from webhook_line where webhook = ? and next_at > ?", (webhook, now)
    ).fetchone()[0]
    return found


def hasten(db: Connection, now: float, most: float) -> None:
    """Let those go on now that wait for longer than so many seconds, which none does by a clock
    that is right.
    """
    db.execute("update webhook_line set next_at = ? where next_at > ?", (now, now + most + APART))


def put(db: Connection, line: Line) -> None:
    """Have it go on at that time."""
    db.execute(
        "insert into webhook_line (webhook, repository, next_at) values (?, ?, ?) "
        "on conflict (webhook, repository) do update set next_at = excluded.next_at",
        (line.webhook, line.repository, line.next_at),
    )


def end(db: Connection, webhook: str, repository: str) -> None:
    """Nothing waits any more."""
    db.execute(
        "delete from webhook_line where webhook = ? and repository = ?", (webhook, repository)
    )
