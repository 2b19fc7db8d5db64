"""Projects: the first part of their repositories' names; who may come, and on which terms."""

import json
import time
from dataclasses import dataclass

from entrepot.db import channels, upstreams, webhooks
from entrepot.db.connection import Connection

_COLUMNS = (
    "name, public, description, quota, read_only, networks, certificate, longest, "
    "created_at, created_by, coalesce((select url from upstream where project = name), '')"
)


@dataclass(frozen=True, slots=True)
class Project:
    """A row; times are seconds since 1970."""

    name: str
    public: bool = False
    """Whether anyone may pull."""
    description: str = ""
    quota: int | None = None
    """Bytes; None for no limit."""
    read_only: bool = False
    networks: tuple[str, ...] = ()
    """Where there are any, requests from elsewhere are refused; written 10.0.0.0/8."""
    certificate: bool = False
    """Whether a client certificate is required."""
    longest: float | None = None
    """Seconds that a token may live to be good here."""
    created_at: float = 0
    created_by: str = ""
    upstream: str = ""
    """The address of the registry that it stands for, and whose images alone it has."""


def _read(row: tuple[object, ...]) -> Project:
    name, public, description, quota, read_only, networks, certificate, longest, *rest = row
    return Project(
        name,  # type: ignore[arg-type]
        bool(public),
        description,  # type: ignore[arg-type]
        quota,  # type: ignore[arg-type]
        bool(read_only),
        tuple(json.loads(str(networks))),
        bool(certificate),
        longest,  # type: ignore[arg-type]
        *rest,  # type: ignore[arg-type]
    )


def find(db: Connection, name: str) -> Project | None:
    """A project by its name."""
    row = db.execute(f"select {_COLUMNS} from project where name = ?", (name,)).fetchone()
    return _read(row) if row else None


def listed(db: Connection, after: str, limit: int) -> list[Project]:
    """Projects by name, from the one behind `after` on."""
    rows = db.execute(
        f"select {_COLUMNS} from project where name > ? order by name limit ?",
        (after, limit),
    )
    return [_read(row) for row in rows]


def public(db: Connection) -> list[str]:
    """The names of the public ones."""
    rows = db.execute("select name from project where public = 1 order by name")
    return [name for (name,) in rows]


def create(db: Connection, project: Project, by: str) -> Project:
    """Make a project. Raises sqlite3.IntegrityError where the name is taken."""
    db.execute(
        "insert into project (name, created_at, created_by) values (?, ?, ?)",
        (project.name, time.time(), by),
    )
    return update(db, project)


def update(db: Connection, project: Project) -> Project:
    """Set all that can be set."""
    row = db.execute(
        "update project set public = ?, description = ?, quota = ?, read_only = ?, networks = ?, "
        f"certificate = ?, longest = ? where name = ? returning {_COLUMNS}",
        (
            project.public,
            project.description,
            project.quota,
            project.read_only,
            json.dumps(project.networks),
            project.certificate,
            project.longest,
            project.name,
        ),
    ).fetchone()
    return _read(row)


def remove(db: Connection, name: str) -> None:
    """Delete a project, with its rules and the grants on it; its repositories must be gone."""
    db.execute("delete from project where name = ?", (name,))
    db.execute("delete from immutable_rule where project = ?", (name,))
    channels.forget(db, name)
    db.execute("delete from floating_rule where project = ?", (name,))
    db.execute(
        "delete from permission where pattern = :name or substr(pattern, 1, length(:name) + 1) "
        "= :name || '/'",
        {"name": name},
    )
    webhooks.remove_of(db, name)
    upstreams.remove(db, name)


def repositories(db: Connection, name: str, after: str, limit: int) -> list[str]:
    """The names of a project's repositories that hold something, in order."""
    rows = db.execute(
        "select name from repository where listed = 1 and name > ? and "
        "(name = ? or (name > ? and name < ?)) order by name limit ?",
        (after, name, f"{name}/", f"{name}0", limit),  # 0 comes behind the slash
    )
    return [repository for (repository,) in rows]
