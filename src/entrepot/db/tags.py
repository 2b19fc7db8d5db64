"""Tags: names that point to a manifest of their repository."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.db import (
    channels,
    floating_rules,
    idle,
    immutable,
    quotas,
    repositories,
    running,
    trash,
)
from entrepot.db.audit import NOBODY, By
from entrepot.db.changes import Change, Kind, record
from entrepot.db.connection import Connection
from entrepot.db.trash import NOT_AT_ALL, Keep
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository, Tag


def point(
    db: Connection,
    repository: tuple[int, Repository],
    tag: Tag,
    digest: Digest,
    *,
    move: bool = True,
    promoting: bool = False,
    kind: Kind = Kind.TAGGED,
    by: By = NOBODY,
    reason: str = "",
    floats: str | None = None,
) -> None:
    """Make or move a tag, and say why. Pushing the same again is no change. Where the registry
    itself moves it, `floats` is the tag of the version that it then stands for.

    Raises DENIED for one that would have to `move` and may not, or is immutable, or floats, or is
    one too many; and for a channel unless `promoting`, for which immutability does not count.
    """
    number, name = repository
    row = db.execute(
        "select digest, floats from tag where repository = ? and name = ?", (number, tag.name)
    ).fetchone()
    old, stood = row or (None, None)
    new = str(digest)
    if old == new:
        if floats is not None and floats != stood:
            stand(db, number, tag.name, floats)
        return
    if not promoting:
        channels.check(db, name, tag.name, channels.MOVE)
    if old is not None and not promoting:
        immutable.check(db, name, tag.name, immutable.MOVE)
        if floats is None:
            floating_rules.check(db, name, tag.name, stood)
        if not move:
            raise _held(name, tag)
    db.execute(
        "insert into tag (repository, name, digest, moved_at, floats) values (?, ?, ?, ?, ?) "
        "on conflict (repository, name) do update set "
        "digest = excluded.digest, moved_at = excluded.moved_at, floats = excluded.floats",
        (number, tag.name, new, time.time(), floats),
    )
    if old is None:
        quotas.charge(db, name.project, tags=1)
    else:
        idle.untagged(db, number, old)
    record(db, Change(kind, name, tag.name, old, new, by, reason))


def stand(db: Connection, number: int, tag: str, floats: str | None) -> None:
    """Say which version a tag that floats stands for, where it stays; None for one that floats no
    more.
    """
    db.execute("update tag set floats = ? where repository = ? and name = ?", (floats, number, tag))


def _held(repository: Repository, tag: Tag) -> OCIError:
    return OCIError(
        Code.DENIED,
        f"{repository}:{tag} is another image already, and moving a tag takes the role maintainer: "
        "push under a new tag, or ask an owner of the project for that role",
        detail={"tag": tag.name},
    )


def remove(
    db: Connection,
    repository: Repository,
    tag: Tag,
    *,
    even_if_running: bool = False,
    keep: Keep = NOT_AT_ALL,
    by: By = NOBODY,
    reason: str = "",
) -> int | None:
    """Take a tag away, into the trash, and say why; which row it has there. The manifest stays.

    None where there was no such tag. Raises DENIED for one that is immutable or floats, and
    `RunsError` for one that a cluster has, unless `even_if_running`.
    """
    row = db.execute(
        "delete from tag where name = ? and repository = "
        "(select id from repository where name = ?) returning repository, digest, floats",
        (tag.name, repository.name),
    ).fetchone()
    if row is None:
        return None
    number, digest, stood = row
    channels.check(db, repository, tag.name, channels.DELETE)
    immutable.check(db, repository, tag.name, immutable.DELETE)
    floating_rules.check(db, repository, tag.name, stood)
    if not even_if_running:
        running.check_tag(db, (number, repository), tag.name, digest)
    item = trash.add(db, repository, trash.Kind.TAG, tag.name, digest, keep=keep, by=by)
    quotas.charge(db, repository.project, tags=-1)
    idle.untagged(db, number, digest)
    why = reason or keep.why
    record(db, Change(Kind.UNTAGGED, repository, tag.name, old=digest, by=by, reason=why))
    return item


def digest_of(db: Connection, repository: Repository, tag: Tag) -> str | None:
    """What a tag points to; None where there is no such tag."""
    row = db.execute(
        "select t.digest from repository r join tag t on t.repository = r.id "
        "where r.name = ? and t.name = ?",
        (repository.name, tag.name),
    ).fetchone()
    return row[0] if row else None


@dataclass(frozen=True, slots=True)
class Pointed:
    """A tag and what it points to."""

    name: str
    digest: str
    media_type: str
    size: int
    """Bytes of the manifest."""
    moved_at: float
    """Seconds since 1970; when it came to point there."""
    floats: str | None
    """The tag of the version that it stands for, where the registry itself moves it."""


def described(
    db: Connection, repository: Repository, after: str, limit: int
) -> list[Pointed] | None:
    """Tags in order, from the one behind `after` on; None where there is no such repository."""
    number = db.execute("select id from repository where name = ?", (repository.name,)).fetchone()
    if number is None:
        return None
    rows = db.execute(
        "select t.name, t.digest, m.media_type, m.size, t.moved_at, t.floats from tag t "
        "join manifest m on m.repository = t.repository and m.digest = t.digest "
        "where t.repository = ? and t.name > ? order by t.name limit ?",
        (number[0], after, limit),
    )
    return [Pointed(*row) for row in rows]


def of(db: Connection, repository: Repository, after: str, limit: int) -> list[str]:
    """The same by the repository's name. Raises NAME_UNKNOWN where there is no such repository."""
    number = repositories.identify(db, repository)
    if number is None:
        raise repositories.unknown(repository)
    return listed(db, number, after, limit)


def listed(db: Connection, number: int, after: str, limit: int) -> list[str]:
    """Names in order, from the one behind `after` on."""
    rows = db.execute(
        "select name from tag where repository = ? and name > ? order by name limit ?",
        (number, after, limit),
    )
    return [name for (name,) in rows]


def current(
    db: Connection, number: int, names: Sequence[str] | None = None
) -> dict[str, tuple[str, float]]:
    """By name and in its order, what all tags of a repository mean, or some, and since when."""
    some = "" if names is None else f" and name in ({', '.join('?' * len(names))})"
    rows = db.execute(
        f"select name, digest, moved_at from tag where repository = ?{some} order by name",
        (number, *(names or ())),
    )
    return {name: (digest, moved_at) for name, digest, moved_at in rows}
