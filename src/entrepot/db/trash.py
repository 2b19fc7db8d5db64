"""The trash: what was deleted stays whole, and out of sight, until its time is up.

A deleted manifest lies with its tags in a hidden repository of its own, a deleted repository is
hidden as it stands; so edges and links keep what they always keep. A deleted tag is but a row.
Next: `db.restore` brings back, `db.purge` ends it.
"""

import time
from dataclasses import dataclass, replace
from enum import StrEnum

from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.sizes import OF_REPOSITORY
from entrepot.oci.names import Repository

DAY = 24 * 3600.0

Place = tuple[int, Repository]
"""A repository's row and its name; of a hidden one, the name that it was deleted from."""


class Kind(StrEnum):
    """What was deleted."""

    TAG = "tag"
    MANIFEST = "manifest"
    """With the tags that pointed to it."""
    REPOSITORY = "repository"


@dataclass(frozen=True, slots=True)
class Keep:
    """For how long something deleted can be restored, and why it was deleted."""

    seconds: float = 0
    why: str = ""


NOT_AT_ALL = Keep()


@dataclass(frozen=True, slots=True)
class Item:
    """Something in the trash; times are seconds since 1970."""

    id: int
    repository: Repository
    kind: Kind
    reference: str
    """The tag or digest; "" for a repository."""
    digest: str
    deleted_at: float
    deleted_by: str
    why: str
    """Which rule took it; "" where somebody deleted it."""
    until: float

    @property
    def name(self) -> str:
        """As people write it: team/app:1.0, team/app@sha256:…, team/app."""
        sign = {Kind.TAG: ":", Kind.MANIFEST: "@", Kind.REPOSITORY: ""}[self.kind]
        return f"{self.repository}{sign}{self.reference}"


_COLUMNS = "id, repository, kind, reference, digest, deleted_at, deleted_by, why, until"


def read(row: tuple[object, ...]) -> Item:
    """An item from its columns."""
    number, repository, kind, *rest = row
    return Item(number, Repository(str(repository)), Kind(str(kind)), *rest)  # type: ignore[arg-type]


def add(
    db: Connection,
    repository: Repository,
    kind: Kind,
    reference: str = "",
    digest: str = "",
    *,
    keep: Keep,
    by: By,
) -> int:
    """Make the row of something that is being deleted."""
    now = time.time()
    made = db.execute(
        "insert into trash (repository, kind, reference, digest, deleted_at, deleted_by, why, "
        "until) values (?, ?, ?, ?, ?, ?, ?, ?) returning id",
        (
            repository.name,
            kind.value,
            reference,
            digest,
            now,
            by.actor,
            keep.why,
            now + keep.seconds,
        ),
    ).fetchone()
    number: int = made[0]
    return number


def hidden_name(repository: Repository, item: int) -> str:
    """What the hidden repository of an item is called; no name that a client can write has a #."""
    return f"{repository.project}/#{item}"


def hide(db: Connection, repository: Repository, item: int) -> Place:
    """Make the hidden repository of an item."""
    made = db.execute(
        "insert into repository (name, created_at, trash) values (?, ?, ?) returning id",
        (hidden_name(repository, item), time.time(), item),
    ).fetchone()
    return made[0], repository


def hidden(db: Connection, item: Item) -> Place | None:
    """The hidden repository of an item; a tag has none."""
    row = db.execute("select id from repository where trash = ?", (item.id,)).fetchone()
    return (row[0], item.repository) if row else None


def find(db: Connection, number: int) -> Item | None:
    """An item that can still be restored."""
    row = db.execute(
        f"select {_COLUMNS} from trash where id = ? and until > ?", (number, time.time())
    ).fetchone()
    return read(row) if row else None


def newest(db: Connection, repository: Repository, digest: str) -> Item | None:
    """The manifest of this digest that was deleted last, and by itself."""
    row = db.execute(
        f"select {_COLUMNS} from trash where repository = ? and kind = ? and digest = ? "
        "and until > ? order by id desc limit 1",
        (repository.name, Kind.MANIFEST.value, digest, time.time()),
    ).fetchone()
    return read(row) if row else None


def listed(db: Connection, repository: Repository | None, before: int, limit: int) -> list[Item]:
    """What can be restored, the newest first, from the one before the id `before` on."""
    where = "repository = ? and " if repository else ""
    values = [repository.name] if repository else []
    rows = db.execute(
        f"select {_COLUMNS} from trash where {where}until > ? and id < ? order by id desc limit ?",
        (*values, time.time(), before, limit),
    )
    return [read(row) for row in rows]


def of_project(db: Connection, project: str) -> int:
    """How many things of a project can be restored."""
    found: int = db.execute(
        "select count(*) from trash where until > ? and (repository = ? or "
        "(repository > ? and repository < ?))",
        (time.time(), project, f"{project}/", f"{project}0"),  # 0 comes behind the slash
    ).fetchone()[0]
    return found


@dataclass(frozen=True, slots=True)
class Contents:
    """What an item brings back by itself."""

    manifests: int
    tags: tuple[str, ...]
    """Names of some of them, in order."""
    tag_count: int
    size: int
    """Bytes of manifests and blobs; other images may need the same blobs."""


_TOLD = 10


def contents(db: Connection, item: Item) -> Contents:
    """What is in an item; it reads all of that, so not on the event loop."""
    if item.kind is Kind.TAG:
        return Contents(0, (item.reference,), 1, 0)
    row = db.execute(
        "select r.id, (select count(*) from manifest where repository = r.id), "
        "(select count(*) from tag where repository = r.id), "
        f"{OF_REPOSITORY} from repository r where trash = ?",
        (item.id,),
    ).fetchone()
    if row is None:  # it was restored or purged just now
        return Contents(0, (), 0, 0)
    number, manifests, tags, size = row
    names = db.execute(
        "select name from tag where repository = ? order by name limit ?", (number, _TOLD)
    )
    return Contents(manifests, tuple(name for (name,) in names), tags, size)


def alone(db: Connection, item: Item) -> int:
    """Bytes that only this item holds, and that are free once it is purged."""
    row = db.execute(
        "select (select cast(coalesce(sum(size), 0) as bigint) from manifest "
        "where repository = r.id) + (select cast(coalesce(sum(b.size), 0) as bigint) "
        "from repository_blob x join blob b on b.id = x.blob where x.repository = r.id "
        "and not exists (select 1 from repository_blob y where y.blob = x.blob "
        "and y.repository <> r.id)) from repository r where r.trash = ?",
        (item.id,),
    ).fetchone()
    return row[0] if row else 0


def end(db: Connection, item: Item) -> Item:
    """Say that its time is up: from now on nobody can restore it."""
    db.execute("update trash set until = 0 where id = ?", (item.id,))
    return replace(item, until=0)


def postpone(db: Connection, item: Item) -> None:
    """Keep it for another day."""
    db.execute("update trash set until = ? where id = ?", (time.time() + DAY, item.id))


def ended(db: Connection, limit: int) -> list[Item]:
    """What is to be purged."""
    rows = db.execute(
        f"select {_COLUMNS} from trash where until <= ? order by until limit ?",
        (time.time(), limit),
    )
    return [read(row) for row in rows]
