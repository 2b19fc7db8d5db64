"""Manifests: their bytes lie in the database, so a pull by tag is one query.

A manifest is taken only when all that it refers to is in the repository, in one transaction with
the tags that point to it. Source: OCI Distribution Specification, "Pushing Manifests".
"""

import time
from dataclasses import dataclass

from entrepot.db import (
    annotations,
    channels,
    idle,
    immutable,
    links,
    quotas,
    repositories,
    running,
    sealed,
    tags,
    trash,
)
from entrepot.db.audit import NOBODY, By
from entrepot.db.blobs import check_unused
from entrepot.db.changes import Change, Kind, record
from entrepot.db.connection import Connection
from entrepot.db.sealed import Sealed
from entrepot.db.trash import NOT_AT_ALL, Keep, Place
from entrepot.oci import media
from entrepot.oci.descriptor import Descriptor
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Reference, Repository, Tag

MAX_DEPTH = 16
"""Indexes inside indexes; clients walk them, so a bound protects the clients."""

MAX_TOLD = 1000
"""Missing digests that an error lists."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A manifest as it is served."""

    digest: str
    media_type: str
    content: bytes
    """Empty where it lies in quarantine."""


_COLUMNS = "select m.digest, m.media_type, m.content, m.key from repository r "
_BY_TAG = (
    _COLUMNS + "join tag t on t.repository = r.id and t.name = ? "
    "join manifest m on m.repository = r.id and m.digest = t.digest where r.name = ?"
)
_BY_DIGEST = _COLUMNS + "join manifest m on m.repository = r.id and m.digest = ? where r.name = ?"


def find(db: Connection, repository: Repository, reference: Reference) -> Stored | None:
    """The manifest that a tag or digest names."""
    query = _BY_TAG if isinstance(reference, Tag) else _BY_DIGEST
    row = db.execute(query, (str(reference), repository.name)).fetchone()
    if row is None:
        return None
    digest, media_type, kept, key = row
    content = sealed.unseal(db, (Sealed.MANIFEST, digest), kept, key) if kept else b""
    return Stored(digest, media_type, content)


def holds(db: Connection, repository: Repository, digest: str) -> bool:
    """Whether the repository has a manifest, and its bytes."""
    row = db.execute(
        "select 1 from repository r join manifest m on m.repository = r.id and m.digest = ? "
        "where r.name = ? and length(m.content) > 0",
        (digest, repository.name),
    ).fetchone()
    return row is not None


def put(
    db: Connection,
    repository: Repository,
    manifest: Manifest,
    names: list[Tag],
    *,
    sparse: bool,
    move: bool = True,
    by: By = NOBODY,
    reason: str = "",
) -> list[Digest]:
    """Store a manifest and point the tags to it; what is missing of it, where sparse allows that.

    Raises MANIFEST_BLOB_UNKNOWN with what is missing, SIZE_INVALID for a wrong size, DENIED for a
    tag that would have to `move` and may not, or is immutable.
    """
    number = repositories.ensure(db, repository)
    missing, depth = _check_parts(db, number, manifest)
    if missing and not sparse:
        raise _lacks(repository, missing)
    _insert(db, (number, repository), manifest, depth, by)
    if not names:
        idle.untagged(db, number, str(manifest.digest))
    place = number, repository
    for name in names:
        tags.point(db, place, name, manifest.digest, move=move, by=by, reason=reason)
    return missing


def _lacks(repository: Repository, missing: list[Digest]) -> OCIError:
    """All of it at once; a manifest of megabytes would lack more than a client can use."""
    told = missing[:MAX_TOLD]
    more = f" and {len(missing) - len(told)} more" if len(missing) > len(told) else ""
    return OCIError(
        Code.MANIFEST_BLOB_UNKNOWN,
        f"push these to {repository} first: {', '.join(map(str, told))}{more}",
        detail=[{"digest": str(digest)} for digest in told],
    )


def remove(
    db: Connection,
    repository: Repository,
    digest: Digest,
    *,
    even_if_used: bool = False,
    even_if_running: bool = False,
    keep: Keep = NOT_AT_ALL,
    by: By = NOBODY,
    reason: str = "",
) -> int | None:
    """Delete a manifest and the tags that point to it, into the trash; which row they have there.

    None where there is none. Raises DENIED where an index lists it, unless `even_if_used`, and
    where an immutable tag needs it; `RunsError` where a cluster has it, unless `even_if_running`.
    """
    text, why = str(digest), reason or keep.why
    row = db.execute(
        "select m.id, r.id from repository r join manifest m on m.repository = r.id "
        "where r.name = ? and m.digest = ?",
        (repository.name, text),
    ).fetchone()
    if row is None:
        return None
    manifest, number = row
    if not even_if_used:
        check_unused(db, number, digest)
    immutable.check_part(db, number, repository, digest)
    channels.check_part(db, number, repository, digest)
    if not even_if_running:
        running.check_part(db, (number, repository), digest)
    item = trash.add(db, repository, trash.Kind.MANIFEST, text, text, keep=keep, by=by)
    hidden = trash.hide(db, repository, item)
    gone = db.execute(
        "update tag set repository = ? where repository = ? and digest = ? returning name",
        (hidden[0], number, text),
    ).fetchall()
    quotas.charge(db, repository.project, tags=-len(gone))
    for (name,) in gone:
        record(db, Change(Kind.UNTAGGED, repository, name, old=text, by=by, reason=why))
    idle.orphaned(db, number, manifest, text)
    move(db, manifest, (number, repository), hidden)
    repositories.relist(db, number)
    record(db, Change(Kind.DELETED, repository, text, old=text, by=by, reason=why))
    return item


def move(db: Connection, manifest: int, source: Place, target: Place) -> None:
    """Have a manifest, with its edges, in another place that links its blobs as this one does."""
    parts = db.execute(
        "select b.id, b.size from edge e join blob b on b.digest = e.child "
        "join repository_blob x on x.blob = b.id and x.repository = e.repository "
        "where e.manifest = ?",
        (manifest,),
    ).fetchall()
    for blob, size in parts:
        links.link(db, target, blob, size)
        links.loosen(db, source[0], blob)
    db.execute("update edge set repository = ? where manifest = ?", (target[0], manifest))
    db.execute("update manifest set repository = ? where id = ?", (target[0], manifest))
    idle.forget(db, manifest)


def _check_parts(db: Connection, number: int, manifest: Manifest) -> tuple[list[Digest], int]:
    """What is not in the repository, and how deep indexes lie in the manifest."""
    missing: dict[Digest, None] = {}
    depth = 0
    for part in manifest.blobs:
        if not _has_blob(db, number, part):
            missing[part.digest] = None
    for part in manifest.children:
        below = _child_depth(db, number, part)
        if below is not None:
            depth = max(depth, below + 1)
        elif part.media_type in media.IMAGES | media.INDEXES or not _has_blob(db, number, part):
            missing[part.digest] = None
    if depth > MAX_DEPTH:
        raise OCIError(Code.MANIFEST_INVALID, f"more than {MAX_DEPTH} indexes inside each other")
    return list(missing), depth


def _has_blob(db: Connection, number: int, part: Descriptor) -> bool:
    row = db.execute(
        "select b.size from blob b join repository_blob x on x.blob = b.id "
        "where b.digest = ? and x.repository = ?",
        (str(part.digest), number),
    ).fetchone()
    if row is not None:
        _check_size(part, row[0])
    return row is not None


def _child_depth(db: Connection, number: int, part: Descriptor) -> int | None:
    row = db.execute(
        "select depth, size from manifest where repository = ? and digest = ?",
        (number, str(part.digest)),
    ).fetchone()
    if row is None:
        return None
    _check_size(part, row[1])
    depth: int = row[0]
    return depth


def _check_size(part: Descriptor, size: int) -> None:
    if part.size != size:
        raise OCIError(
            Code.SIZE_INVALID,
            f"the manifest says that {part.digest} has {part.size} bytes; it has {size}",
        )


def _insert(
    db: Connection,
    repository: tuple[int, Repository],
    manifest: Manifest,
    depth: int,
    by: By,
) -> None:
    number, name = repository
    text = str(manifest.digest)
    made = db.execute(
        "insert into manifest (repository, digest, media_type, artifact_type, subject, "
        "annotations, depth, content, key, size, created_at) "
        "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "on conflict (repository, digest) do nothing returning id",
        (
            number,
            text,
            manifest.media_type,
            manifest.artifact_type,
            str(manifest.subject.digest) if manifest.subject else None,
            annotations.keep(db, manifest),
            depth,
            *sealed.seal(db, (Sealed.MANIFEST, text), manifest.content),
            len(manifest.content),
            time.time(),
        ),
    ).fetchone()
    if made is None:
        if not _heal(db, number, manifest):
            return
    else:
        quotas.charge(db, name.project, size=len(manifest.content))
        repositories.relist(db, number)
        parts = {str(part.digest) for part in (*manifest.blobs, *manifest.children)}
        db.executemany(
            "insert into edge (repository, child, manifest) values (?, ?, ?)",
            ((number, part, made[0]) for part in parts),
        )
    record(db, Change(Kind.PUSHED, name, text, new=text, by=by))


def _heal(db: Connection, number: int, manifest: Manifest) -> bool:
    """Whether the disk had made others of the bytes; the same bytes again change nothing."""
    text = str(manifest.digest)
    row, kept, key = db.execute(
        "select id, content, key from manifest where repository = ? and digest = ?", (number, text)
    ).fetchone()
    if sealed.holds(db, (Sealed.MANIFEST, text), kept, key, manifest.content):
        return False
    db.execute(
        "update manifest set annotations = ?, content = ?, key = ? where id = ?",
        (
            annotations.keep(db, manifest),
            *sealed.seal(db, (Sealed.MANIFEST, text), manifest.content),
            row,
        ),
    )
    return True


def needing(db: Connection, repository: Repository, digest: Digest) -> Stored | None:
    """A manifest of the repository that cannot be served without some content."""
    row = db.execute(
        "select m.digest, m.media_type, m.content, m.key from repository r "
        "join edge e on e.repository = r.id and e.child = ? "
        "join manifest m on m.id = e.manifest where r.name = ? and length(m.content) > 0 limit 1",
        (str(digest), repository.name),
    ).fetchone()
    if row is None:
        return None
    owner, media_type, kept, key = row
    return Stored(owner, media_type, sealed.unseal(db, (Sealed.MANIFEST, owner), kept, key))
