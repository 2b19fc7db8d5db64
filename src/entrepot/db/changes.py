"""The log of changes: whatever changes a repository writes one row, in its own transaction.

Everything that must follow reads the log from its own cursor; there is no other event bus. A blob
that comes is no change: nothing shows it before a manifest names it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from entrepot.db import audit
from entrepot.db.audit import NOBODY, By, Event
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository


class Kind(StrEnum):
    """What happened."""

    PUSHED = "pushed"
    """A manifest came that was not there."""
    TAGGED = "tagged"
    """A tag came, or moved from `old` to `new`."""
    UNTAGGED = "untagged"
    DELETED = "deleted"
    """A manifest went."""
    REPOSITORY_DELETED = "repository deleted"
    """One row for all that was in it; it has no reference."""
    RESTORED = "restored"
    """A tag, a manifest or a whole repository came back from the trash."""
    PROMOTED = "promoted"
    """A version came into a channel."""
    ROLLED_BACK = "rolled back"
    """A channel went back to an earlier version."""
    BLOB_DELETED = "blob deleted"
    QUARANTINED = "quarantined"
    """A blob or a manifest did not match its digest, and is served no more."""
    DESCRIBED = "described"
    """Somebody wrote what a version brings."""
    PLANNED = "planned"
    """Somebody wrote what is to become of a version."""
    SCHEME = "version scheme"
    """Somebody said how the repository's tags are read."""
    ACCESS = "access"
    """Accounts, grants, projects or keys: whoever keeps what they say must ask again."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the log, on its way in; digests are written algorithm:hex."""

    kind: Kind
    repository: Repository
    reference: str
    old: str | None = None
    new: str | None = None
    by: By = NOBODY
    reason: str = ""
    """Why, as whoever did it says, or the rule that did."""
    trash: int | None = None
    """Of a repository as a whole: which row of the trash it has, or had."""


def record(db: Connection, change: Change) -> None:
    """Append to the log and to the audit; call it in the transaction that makes the change."""
    db.execute(
        "insert into change (at, actor, kind, repository, reference, old, new, reason, trash) "
        "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            time.time(),
            change.by.actor,
            change.kind.value,
            change.repository.name,
            change.reference,
            change.old,
            change.new,
            change.reason,
            change.trash,
        ),
    )
    audit.append(
        db,
        Event(
            change.kind.value,
            change.by,
            change.repository.name,
            change.reference,
            change.new or change.old or "",
            detail=_detail(change),
        ),
    )


def _detail(change: Change) -> dict[str, str]:
    """What the audit's other columns do not say."""
    old = {"old": change.old} if change.old and change.new else {}
    return {**old, **({"why": change.reason} if change.reason else {})}


def record_access(db: Connection, event: Event, project: str = "") -> None:
    """The same for what changes who may do what: it belongs to no one repository. What changes
    which images may be pulled at all names the project, so that no answer of it is kept.
    """
    db.execute(
        "insert into change (at, actor, kind, repository, reference) values (?, ?, ?, ?, ?)",
        (time.time(), event.by.actor, Kind.ACCESS.value, project, event.reference),
    )
    audit.append(db, event)


def newest(db: Connection) -> int:
    """The id of the last row, 0 for an empty log."""
    found: int = db.execute("select coalesce(max(id), 0) from change").fetchone()[0]
    return found


_OF_TAGS = {Kind.TAGGED, Kind.UNTAGGED, Kind.RESTORED, Kind.SCHEME}


def tags_since(db: Connection, cursor: int, repository: Repository) -> set[str]:
    """The tags of a repository that came, moved or went behind `cursor`, a moment ago; "" for all
    of them. Rows are few, so they are found by their ids, and not by what they say.
    """
    rows = db.execute(
        "select kind, repository, reference from change where id > ? order by id", (cursor,)
    )
    return {name for kind, where, name in rows if kind in _OF_TAGS and where == repository.name}


_FEW = 1000


def references_since(db: Connection, cursor: int, repository: Repository) -> set[str] | None:
    """What of a repository changed behind `cursor` in any way; None where that is too much to tell,
    or came back, perhaps with more than is told, or where it is the repository as a whole.
    """
    rows = db.execute(
        "select repository, reference, kind from change where id > ? order by id limit ?",
        (cursor, _FEW),
    ).fetchall()
    found = {reference: kind for name, reference, kind in rows if name == repository.name}
    whole = len(rows) == _FEW or "" in found or Kind.RESTORED in found.values()
    return None if whole else set(found)


def after(db: Connection, cursor: int, limit: int) -> list[tuple[int, str, str]]:
    """Ids, kinds and repositories' names of the rows behind `cursor`, in order."""
    return db.execute(
        "select id, kind, repository from change where id > ? order by id limit ?",
        (cursor, limit),
    ).fetchall()


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the log, on its way out."""

    id: int
    at: float
    actor: str
    kind: str
    """A `Kind`, or what a later version calls something that this one does not know."""
    repository: str
    """Its name; "" where the change belongs to none."""
    reference: str
    old: str | None
    new: str | None
    reason: str


_COLUMNS = "id, at, actor, kind, repository, reference, old, new, reason"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are asked for."""

    ranges: Sequence[tuple[str, str]]
    """Names of repositories, from the first to the second each."""
    access: bool = False
    """Whether also those that belong to no repository."""
    kinds: frozenset[str] = frozenset()
    """Only these; all where it is empty."""
    within: Sequence[tuple[str, str]] | None = None
    """Only repositories of these names, and nothing else."""

    def means(self, kind: str, repository: str) -> bool:
        """Whether such a row is asked for."""
        if self.kinds and kind not in self.kinds:
            return False
        if kind == Kind.ACCESS:
            return self.access and self.within is None
        return _lies(repository, self.ranges) and (
            self.within is None or _lies(repository, self.within)
        )


def _lies(name: str, ranges: Sequence[tuple[str, str]]) -> bool:
    return any(first <= name <= last for first, last in ranges)


def following(
    db: Connection, cursor: int, wanted: Wanted, limit: int, window: int
) -> tuple[list[Row], int, bool]:
    """Rows behind the cursor that are asked for, in order, of the `window` next ones; the cursor
    behind the last row that was looked at; and whether that was the log's last.
    """
    found: list[Row] = []
    seen = 0
    for row in db.execute(
        f"select {_COLUMNS} from change where id > ? order by id limit ?",
        (cursor, window),
    ):
        seen += 1
        cursor = row[0]
        if wanted.means(row[3], row[4]):
            found.append(Row(*row))
            if len(found) == limit:
                return found, cursor, False
    return found, cursor, seen < window


def find(db: Connection, number: int) -> Row | None:
    """One row."""
    row = db.execute(f"select {_COLUMNS} from change where id = ?", (number,)).fetchone()
    return Row(*row) if row else None
