"""Tags that are here because they moved in another registry: which one, and when they did there.

So two registries that copy to each other agree on what is newer: of two moves the later one holds,
and of two at the same moment the one to the greater digest. A tag that moves here after that is no
copy any more, and its time is that of the move.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.db.changes import Kind
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository


@dataclass(frozen=True, slots=True)
class Mark:
    """What another registry says of a tag that it copies here."""

    origin: str
    """Its name, which it chose itself: a random one."""
    at: float
    """Seconds since 1970; when the tag moved, or went, where somebody did that."""
    deletions: bool = False
    """Whether it counts that a tag was deleted here later than that."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a tag means here, since when, and where it came from."""

    digest: str
    at: float
    """When it moved where somebody moved it."""
    origin: str
    """The registry that it was copied from; "" for a move of our own."""


def moved(db: Connection, repository: Repository, tag: str) -> Moved | None:
    """Of a tag that is here."""
    row = db.execute(
        "select t.digest, t.moved_at, x.origin, x.origin_at from repository r "
        "join tag t on t.repository = r.id and t.name = ? left join replicated_tag x on "
        "x.repository = r.name and x.tag = t.name and x.digest = t.digest "
        "and x.moved_at = t.moved_at where r.name = ?",
        (tag, repository.name),
    ).fetchone()
    if row is None:
        return None
    digest, moved_at, origin, origin_at = row
    return Moved(digest, moved_at if origin is None else origin_at, origin or "")


def went(db: Connection, repository: Repository, tag: str) -> float | None:
    """When a tag was deleted last, by itself or with its repository, here or where that came from;
    None where it was not.
    """
    row = db.execute(
        "select c.id, c.kind, c.at, x.origin_at from change c left join replicated_tag x on "
        "x.repository = c.repository and x.tag = c.reference and x.digest = '' "
        "and x.moved_at = c.at where c.repository = ? and c.reference = ? "
        "order by c.id desc limit 1",
        (repository.name, tag),
    ).fetchone()
    if row is None:
        return None
    number, kind, at, origin_at = row
    if kind == Kind.UNTAGGED:
        return float(at if origin_at is None else origin_at)
    whole = db.execute(
        "select at from change where repository = ? and reference = '' and kind = ? and id > ? "
        "order by id limit 1",
        (repository.name, Kind.REPOSITORY_DELETED.value, number),
    ).fetchone()
    return float(whole[0]) if whole else None


@dataclass(frozen=True, slots=True)
class Stands:
    """What a tag is, or that it is gone, and since when."""

    digest: str | None
    """None where there is no such tag."""
    at: float | None
    """When somebody moved it, or deleted it; None where it never was there."""


def stands(db: Connection, repository: Repository, tag: str) -> Stands:
    """Of a tag that is here or not."""
    here = moved(db, repository, tag)
    return Stands(here.digest, here.at) if here else Stands(None, went(db, repository, tag))


def holds(db: Connection, repository: Repository, tag: str, digest: str | None, mark: Mark) -> str:
    """What is here and newer than another registry's move to a digest, None for its deletion; ""
    where that move is to be made. It is the digest, or "deleted".
    """
    here = moved(db, repository, tag)
    if here is None:
        at = went(db, repository, tag) if mark.deletions and digest is not None else None
        return "deleted" if at is not None and at > mark.at else ""
    if here.digest == digest:
        return ""
    return here.digest if (here.at, here.digest) > (mark.at, digest or "") else ""


def note(db: Connection, repository: Repository, tag: str, mark: Mark) -> None:
    """Say that a tag, which was just moved or deleted, is as it is in another registry."""
    digest, at = db.execute(
        "select new, at from change where repository = ? and reference = ? order by id desc "
        "limit 1",
        (repository.name, tag),
    ).fetchone()
    row = db.execute(
        "select t.digest, t.moved_at from repository r join tag t on t.repository = r.id "
        "and t.name = ? where r.name = ?",
        (tag, repository.name),
    ).fetchone()
    digest, at = row or (digest or "", at)
    db.execute(
        "insert into replicated_tag (repository, tag, digest, moved_at, origin, origin_at) "
        "values (?, ?, ?, ?, ?, ?) on conflict (repository, tag) do update set "
        "digest = excluded.digest, moved_at = excluded.moved_at, origin = excluded.origin, "
        "origin_at = excluded.origin_at",
        (repository.name, tag, digest, at, mark.origin, mark.at),
    )


def past(db: Connection, before: float, limit: int) -> list[tuple[str, str]]:
    """Tags, by repository and name, that have not been such copies since then; some of them."""
    return db.execute(
        "select x.repository, x.tag from replicated_tag x where x.moved_at < ? and not exists "
        "(select 1 from repository r join tag t on t.repository = r.id and t.name = x.tag "
        "and t.digest = x.digest and t.moved_at = x.moved_at where r.name = x.repository) limit ?",
        (before, limit),
    ).fetchall()


def forget(db: Connection, tags: Sequence[tuple[str, str]], before: float) -> None:
    """Forget where they came from, unless they came again meanwhile."""
    db.executemany(
        "delete from replicated_tag where repository = ? and tag = ? and moved_at < ?",
        [(repository, tag, before) for repository, tag in tags],
    )


def own(db: Connection) -> str:
    """What this registry calls itself; made up where it has no name yet."""
    db.execute(
        "insert into registry_name (number, name) values (1, ?) on conflict (number) do nothing",
        (secrets.token_hex(8),),
    )
    name: str = db.execute("select name from registry_name where number = 1").fetchone()[0]
    return name
