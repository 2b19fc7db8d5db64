"""Approvals: who said that a manifest may come into a channel. They are of its digest."""

import time
from dataclasses import dataclass

from entrepot.db.connection import Connection


@dataclass(frozen=True, slots=True)
class Approval:
    """A row; times are seconds since 1970."""

    digest: str
    channel: str
    actor: str
    comment: str
    at: float = 0


def add(db: Connection, number: int, approval: Approval) -> Approval:
    """Approve; once more says it anew."""
    row = db.execute(
        "insert into approval (repository, digest, channel, actor, comment, at) "
        "values (?, ?, ?, ?, ?, ?) on conflict (repository, digest, channel, actor) "
        "do update set comment = excluded.comment, at = excluded.at "
        "returning digest, channel, actor, comment, at",
        (
            number,
            approval.digest,
            approval.channel,
            approval.actor,
            approval.comment,
            approval.at or time.time(),
        ),
    ).fetchone()
    return Approval(*row)


def withdraw(db: Connection, number: int, digest: str, channel: str, actor: str) -> bool:
    """Take one's own back. False where there is none."""
    gone = db.execute(
        "delete from approval where repository = ? and digest = ? and channel = ? and actor = ?",
        (number, digest, channel, actor),
    )
    return gone.rowcount > 0


def of(db: Connection, number: int, digest: str, channel: str = "") -> list[Approval]:
    """Those of a manifest, for one channel or for all, the oldest first."""
    where = "and channel = ? " if channel else ""
    rows = db.execute(
        "select digest, channel, actor, comment, at from approval "
        f"where repository = ? and digest = ? {where}order by at, actor",
        (number, digest, *([channel] if channel else [])),
    )
    return [Approval(*row) for row in rows]


def pushers(db: Connection, repository: str, digest: str, tag: str) -> frozenset[str]:
    """Who pushed a manifest, or pointed a tag to it: nobody approves their own."""
    rows = db.execute(
        "select actor from change where repository = :repository and reference in (:digest, :tag) "
        "and new = :digest and kind in ('pushed', 'tagged')",
        {"repository": repository, "digest": digest, "tag": tag},
    )
    return frozenset(actor for (actor,) in rows)
