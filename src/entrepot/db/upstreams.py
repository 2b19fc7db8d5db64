"""Upstreams: other registries, each of which a project stands for and keeps what was pulled of it.

Their passwords lie sealed, where there are keys (`db.sealed`). Next: `db.fetches`, what is fetched.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from entrepot.db import fetches, sealed
from entrepot.db.connection import Connection
from entrepot.db.sealed import Sealed
from entrepot.oci.names import covers

_COLUMNS = (
    "project, url, kind, login, secret, key, ca, tag_seconds, allow, deny, pinned, largest, "
    "everything, created_at, created_by"
)


class Kind(StrEnum):
    """How to log in there."""

    PLAIN = "plain"
    """As a registry says itself: with a name and a password, or without."""
    ECR = "ecr"
    """With what Amazon gives out for its own credentials."""
    GOOGLE = "google"
    """With what Google gives out for its own."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A row, opened; times are seconds since 1970."""

    project: str
    url: str
    """https://HOST[:PORT]"""
    hosts: tuple[str, ...] = ()
    """Under which names nodes ask for what is there."""
    kind: Kind = Kind.PLAIN
    login: str = ""
    """A user's name there; "" where nobody logs in."""
    secret: str = field(default="", repr=False)
    ca: str = ""
    """In PEM, in place of the system's."""
    tag_seconds: float = 300
    """After which a tag is asked for again."""
    allow: tuple[str, ...] = ()
    """Patterns of its repositories that may be fetched; all where there are none."""
    deny: tuple[str, ...] = ()
    """Patterns of those that may not."""
    pinned: tuple[str, ...] = ()
    """Patterns of those that are never given up for want of room, maybe with one of a tag:
    library/nginx:1.29*
    """
    largest: int | None = None
    """Bytes of an image; None for no limit."""
    everything: bool = False
    """Whether all platforms are fetched with an index, or each when it is asked for."""
    created_at: float = 0
    created_by: str = ""
    locked: str = ""
    """Why the secret cannot be opened; "" where it can."""

    def permits(self, name: str) -> bool:
        """Whether a repository, by its name there, may be fetched; "" is none."""
        if not name or any(covers(pattern, name) for pattern in self.deny):
            return False
        return not self.allow or any(covers(pattern, name) for pattern in self.allow)

    def pins(self, name: str, tags: Iterable[str] = ()) -> bool:
        """Whether an image with these tags is never given up; its repository by its name there."""
        for pattern in self.pinned:
            of, colon, tag = pattern.partition(":")
            if covers(of, name) and (not colon or any(covers(tag, each) for each in tags)):
                return True
        return False


def _read(db: Connection, row: Any) -> Upstream:
    project, url, kind, login, kept, key, ca, seconds, allow, deny, pinned, *rest = row
    largest, every, at, by = rest
    secret, locked = sealed.try_text(db, (Sealed.UPSTREAM_SECRET, project), kept, key)
    hosts = db.execute("select host from upstream_host where project = ? order by host", (project,))
    return Upstream(
        project,
        url,
        tuple(host for (host,) in hosts.fetchall()),
        Kind(kind),
        login,
        secret,
        ca,
        seconds,
        tuple(allow.split()),
        tuple(deny.split()),
        tuple(pinned.split()),
        largest,
        bool(every),
        at,
        by,
        locked,
    )


def find(db: Connection, project: str) -> Upstream | None:
    """What a project stands for; None for an ordinary one."""
    row = db.execute(f"select {_COLUMNS} from upstream where project = ?", (project,)).fetchone()
    return _read(db, row) if row else None


def projects(db: Connection) -> list[str]:
    """All that stand for another registry, by name."""
    rows = db.execute("select project from upstream order by project")
    return [project for (project,) in rows]


def stands(db: Connection, project: str) -> bool:
    """Whether a project stands for another registry, so that its manifests may miss their parts."""
    found = db.execute("select 1 from upstream where project = ?", (project,)).fetchone()
    return found is not None


def listed(db: Connection, after: str, limit: int) -> list[Upstream]:
    """Upstreams by their projects, from the one behind `after` on."""
    rows = db.execute(
        f"select {_COLUMNS} from upstream where project > ? order by project limit ?",
        (after, limit),
    ).fetchall()
    return [_read(db, row) for row in rows]


def hosts(db: Connection) -> dict[str, str]:
    """By the name under which nodes ask, the project that stands for it."""
    return dict(db.execute("select host, project from upstream_host").fetchall())


def put(db: Connection, upstream: Upstream) -> None:
    """Make one, or set all that can be set.

    Raises sqlite3.IntegrityError for a host that another one stands for.
    """
    kept, key = sealed.seal_text(db, (Sealed.UPSTREAM_SECRET, upstream.project), upstream.secret)
    db.execute(
        f"insert into upstream ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "on conflict (project) do update set url = excluded.url, kind = excluded.kind, "
        "login = excluded.login, secret = excluded.secret, key = excluded.key, ca = excluded.ca, "
        "tag_seconds = excluded.tag_seconds, allow = excluded.allow, deny = excluded.deny, "
        "pinned = excluded.pinned, largest = excluded.largest, everything = excluded.everything",
        (
            upstream.project,
            upstream.url,
            upstream.kind.value,
            upstream.login,
            kept,
            key,
            upstream.ca,
            upstream.tag_seconds,
            "\n".join(upstream.allow),
            "\n".join(upstream.deny),
            "\n".join(upstream.pinned),
            upstream.largest,
            int(upstream.everything),
            upstream.created_at or time.time(),
            upstream.created_by,
        ),
    )
    db.execute("delete from upstream_host where project = ?", (upstream.project,))
    db.executemany(
        "insert into upstream_host (host, project) values (?, ?)",
        [(host, upstream.project) for host in upstream.hosts],
    )


def remove(db: Connection, project: str) -> bool:
    """Have a project stand for nothing: it keeps what it has. False where it did not."""
    gone = db.execute("delete from upstream where project = ?", (project,))
    fetches.forget(db, project)
    return gone.rowcount > 0
