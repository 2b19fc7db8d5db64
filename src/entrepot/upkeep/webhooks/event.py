"""`Event`: what a webhook is told of, and its name among events.

Next: `cloudevents`, `docker` and `slack`, which write it.
"""

from dataclasses import dataclass

from entrepot.db import changes
from entrepot.db.changes import Kind, Row
from entrepot.db.connection import Connection

_NAMES: dict[Kind, str] = {
    Kind.PUSHED: "manifest.pushed",
    Kind.TAGGED: "tag.created",
    Kind.UNTAGGED: "tag.deleted",
    Kind.PROMOTED: "channel.promoted",
    Kind.ROLLED_BACK: "channel.rolled-back",
    Kind.DELETED: "manifest.deleted",
    Kind.RESTORED: "repository.restored",
    Kind.REPOSITORY_DELETED: "repository.deleted",
    Kind.BLOB_DELETED: "blob.deleted",
    Kind.QUARANTINED: "content.quarantined",
    Kind.DESCRIBED: "version.described",
    Kind.PLANNED: "version.planned",
    Kind.SCHEME: "repository.scheme",
}
KINDS = tuple(_NAMES)
"""What can be told of: what happens to repositories."""

PING = "ping"
"""The kind of an event that nothing happened for: somebody tries the webhook."""


@dataclass(frozen=True, slots=True)
class Event:
    """A change, and what is known of the manifest that it is about."""

    id: str
    """The change's number: the same each time that it is sent, and to whomever."""
    at: float
    kind: str
    repository: str
    reference: str
    old: str | None
    new: str | None
    actor: str
    reason: str
    media_type: str | None = None
    size: int | None = None

    @property
    def digest(self) -> str | None:
        """What it is about: what came, or went."""
        return self.new or self.old

    @property
    def tag(self) -> str | None:
        """The tag, where it is about one."""
        return None if ":" in self.reference or not self.reference else self.reference

    @property
    def noun(self) -> str:
        """What it is about."""
        return "tag" if self.tag else "manifest" if self.reference else "repository"

    @property
    def name(self) -> str:
        """What is said by it: a noun and what became of that."""
        if self.kind == Kind.TAGGED and self.old:
            return "tag.moved"
        if self.kind == Kind.RESTORED:
            return f"{self.noun}.restored"
        found = [name for kind, name in _NAMES.items() if kind == self.kind]
        return found[0] if found else self.kind.replace(" ", ".")


def told(kind: str) -> str:
    """A kind as people write it: without spaces."""
    return kind.replace(" ", "-")


def read(db: Connection, change: int) -> Event | None:
    """The event of a change; None where the log does not have it any more."""
    row = changes.find(db, change)
    return None if row is None else _event(db, row)


def _event(db: Connection, row: Row) -> Event:
    digest = row.new or row.old
    found = None
    if digest is not None:
        found = db.execute(
            "select m.media_type, m.size from manifest m join repository r on r.id = m.repository "
            "where r.name = ? and m.digest = ?",
            (row.repository, digest),
        ).fetchone()
    media_type, size = found or (None, None)
    return Event(
        str(row.id),
        row.at,
        row.kind,
        row.repository,
        row.reference,
        row.old,
        row.new,
        row.actor,
        row.reason,
        media_type,
        size,
    )
