"""Quotas: what a project takes, and how much it may, in bytes and in tags.

A blob counts once per project, however many of its repositories link it; manifests count one by
one. What lies in the trash counts until it is purged, its tags aside. All is counted in the
transaction that changes it, so of two pushes at once no more than fits comes in. A cache alone may
go a little beyond, and says itself which tags it keeps: see `has_tags_left`.
"""

from dataclasses import dataclass, replace

from entrepot.db import upstreams
from entrepot.db.connection import Connection
from entrepot.oci.errors import Code, OCIError

_LITTLE, _BEYOND = 64 * 1024, 0.1
"""Bytes that a cache takes beyond its quota, up to such a part of it: without manifests and
configurations it could not even hand out the layers that it has no room for.
"""
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project takes and may take; None for no limit."""

    project: str
    bytes: int = 0
    tags: int = 0
    quota: int | None = None
    quota_tags: int | None = None

    @property
    def left(self) -> int | None:
        """Bytes that still fit; below 0 where the quota came later than what is there."""
        return None if self.quota is None else self.quota - self.bytes

    @property
    def tags_left(self) -> int | None:
        """The same of tags."""
        return None if self.quota_tags is None else self.quota_tags - self.tags


def charge(db: Connection, project: str, *, size: int = 0, tags: int = 0) -> None:
    """Count what comes, or below 0 what goes. Raises DENIED for what does not fit any more."""
    row = db.execute(
        "insert into project_usage (project, bytes, tags) values (?, ?, ?) "
        "on conflict (project) do update set bytes = project_usage.bytes + excluded.bytes, "
        "tags = project_usage.tags + excluded.tags returning bytes, tags",
        (project, size, tags),
    ).fetchone()
    if size > 0 or tags > 0:
        usage = Usage(project, row[0], row[1], *_limits(db, project))
        if size > 0:
            _check_bytes(db, usage, size)
        if tags > 0:
            _check_tags(db, usage, tags)


def _limits(db: Connection, project: str) -> tuple[int | None, int | None]:
    row = db.execute("select quota, quota_tags from project where name = ?", (project,)).fetchone()
    return row or (None, None)


def _check_bytes(db: Connection, usage: Usage, more: int) -> None:
    if usage.left is None or usage.left >= 0:
        return
    much = more > _LITTLE or -usage.left > _BEYOND * (usage.quota or 0)
    if much or not upstreams.stands(db, usage.project):
        raise _refused(usage, more)


def _check_tags(db: Connection, usage: Usage, more: int) -> None:
    if usage.tags_left is None or usage.tags_left >= 0:
        return
    if not upstreams.stands(db, usage.project):
        raise OCIError(
            Code.DENIED,
            f"project {usage.project} may have {usage.quota_tags} tags and has "
            f"{usage.tags - more}: delete some, or ask an admin for a larger quota",
            detail={"used": usage.tags - more, "quota": usage.quota_tags, "needed": more},
        )


def _refused(usage: Usage, more: int) -> OCIError:
    """The error for bytes that do not fit, where `usage` counts them already."""
    used = usage.bytes - more
    return OCIError(
        Code.DENIED,
        f"project {usage.project} may have {words(usage.quota or 0)} and has {words(used)}; this "
        f"would add {words(more)}: delete images and purge the trash, or ask an admin for a "
        "larger quota",
        detail={"used": used, "quota": usage.quota, "needed": more},
    )


def words(size: int) -> str:
    """A number of bytes, for people: 1.5 GiB."""
    value, unit = float(size), "B"
    for larger in _UNITS:
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"


def find(db: Connection, project: str) -> Usage:
    """What a project takes and may take; nothing and everything where nobody knows it."""
    row = db.execute(
        "select bytes, tags from project_usage where project = ?", (project,)
    ).fetchone()
    used, tags = row or (0, 0)
    return Usage(project, used, tags, *_limits(db, project))


def has_tags_left(db: Connection, project: str) -> bool:
    """Whether one more tag fits."""
    left = find(db, project).tags_left
    return left is None or left > 0


def listed(db: Connection, after: str, limit: int) -> list[Usage]:
    """All projects by name, from the one behind `after` on."""
    rows = db.execute(
        "select p.name, coalesce(u.bytes, 0), coalesce(u.tags, 0), p.quota, p.quota_tags "
        "from project p left join project_usage u on u.project = p.name "
        "where p.name > ? order by p.name limit ?",
        (after, limit),
    )
    return [Usage(*row) for row in rows]


def has(db: Connection, project: str, digest: str) -> bool:
    """Whether a blob counts for the project already, so that it costs nothing more."""
    row = db.execute(
        "select 1 from blob b join project_blob p on p.blob = b.id and p.project = ? "
        "where b.digest = ?",
        (project, digest),
    ).fetchone()
    return row is not None


def check(db: Connection, project: str, size: int, digest: str = "") -> None:
    """Raise DENIED for a blob that would not fit, before its bytes come; what counts is `charge`.

    What the project has already always fits; where the digest is not said yet, that may be so if
    anything of it is as large.
    """
    usage = find(db, project)
    if usage.left is None or size <= usage.left:
        return
    if not (has(db, project, digest) if digest else _has_one_of(db, project, size)):
        raise _refused(replace(usage, bytes=usage.bytes + size), size)


def _has_one_of(db: Connection, project: str, size: int) -> bool:
    """Whether some blob of the project has so many bytes, or more."""
    row = db.execute(
        "select 1 from project_blob p join blob b on b.id = p.blob "
        "where p.project = ? and b.size >= ? limit 1",
        (project, size),
    ).fetchone()
    return row is not None


def limit(db: Connection, project: str, quota: int | None, tags: int | None) -> bool:
    """Set what a project may take, in bytes and tags; None for no limit. False: no such project."""
    found = db.execute(
        "update project set quota = ?, quota_tags = ? where name = ?", (quota, tags, project)
    )
    return bool(found.rowcount)


_PART = "abcdefghijklmnopqrstuvwxyz0123456789._-"
_PROJECT = f"substr(r.name, 1, length(r.name) - length(ltrim(r.name, '{_PART}')))"
_LINKED = (
    f"select {_PROJECT} as project, x.blob as blob, count(*) as links "
    "from repository_blob x join repository r on r.id = x.repository group by 1, 2"
)
_COUNTED = (
    "select project, cast(sum(bytes) as bigint) as bytes, cast(sum(tags) as bigint) as tags from ("
    f"select l.project, b.size as bytes, 0 as tags from ({_LINKED}) l join blob b on b.id = l.blob "
    f"union all select {_PROJECT}, m.size, 0 from manifest m "
    "join repository r on r.id = m.repository "
    f"union all select {_PROJECT}, 0, 1 from tag t "
    "join repository r on r.id = t.repository where r.trash is null) as part group by project"
)


def miscounted(db: Connection) -> list[str]:
    """Projects of which it does not stand what they take. Reads whole tables."""
    rows = db.execute(
        "select project from (select project, bytes, tags from project_usage "
        f"union all select project, -bytes, -tags from ({_COUNTED}) c) as used "
        "group by project having sum(bytes) <> 0 or sum(tags) <> 0 "
        "union select project from (select project, blob, links from project_blob "
        f"union all select project, blob, -links from ({_LINKED}) l) as had "
        "group by project, blob having sum(links) <> 0 order by project"
    )
    return [project for (project,) in rows]


def recount(db: Connection) -> int:
    """Count everything anew, whole tables of it; for how many projects that was not as it stood."""
    differing = miscounted(db)
    if not differing:
        return 0
    db.execute("delete from project_blob")
    db.execute(
        f"insert into project_blob (project, blob, links) select project, blob, links "
        f"from ({_LINKED}) l"
    )
    found = {row[0]: row[1:] for row in db.execute(_COUNTED)}
    db.executemany(
        "insert into project_usage (project, bytes, tags) values (?, ?, ?) "
        "on conflict (project) do update set bytes = excluded.bytes, tags = excluded.tags",
        ((name, *found.get(name, (0, 0))) for name in differing),
    )
    return len(differing)
