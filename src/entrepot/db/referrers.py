"""Referrers: the manifests of a repository that name another one as their subject.

Source: OCI Distribution Specification, "Listing Referrers". The subject itself may be missing.
"""

import json
from collections.abc import Sequence

from entrepot.db import annotations
from entrepot.db.connection import Connection
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository

_QUERY = (
    "select m.id, m.key, m.annotations, m.media_type, m.digest, m.size, m.artifact_type "
    "from manifest m join repository r on r.id = m.repository "
    "where r.name = ? and m.subject = ? and m.id > ? "
    "and (cast(? as text) is null or m.artifact_type = ?) "
    "order by m.id limit ?"
)


def listed(
    db: Connection,
    repository: Repository,
    subject: Digest,
    *,
    artifact_type: str | None,
    after: int,
    limit: int,
    room: int,
) -> tuple[list[tuple[int, str]], bool]:
    """Descriptors as the spec wants them in the index, as JSON, each behind its row's number; and
    whether there are more than `limit`, or than fit in if all annotations take `room` characters.
    """
    rows = db.execute(
        _QUERY,
        (repository.name, str(subject), after, artifact_type, artifact_type, limit + 1),
    )
    found: list[tuple[int, str]] = []
    for number, key, kept, media_type, digest, size, kind in rows:
        text = annotations.opened(db, digest, kept, key)
        room -= len(text)
        if len(found) == limit or (found and room < 0):
            return found, True
        found.append((number, _descriptor(media_type, digest, size, kind, text)))
    return found, False


def of_types(
    db: Connection, number: int, subject: str, types: Sequence[str], limit: int
) -> list[tuple[str, str]]:
    """Digests and artifact types of those that have one of these types, the oldest first."""
    marks = ", ".join("?" for _ in types)
    return db.execute(
        "select digest, artifact_type from manifest where repository = ? and subject = ? "
        f"and artifact_type in ({marks}) order by id limit ?",
        (number, subject, *types, limit),
    ).fetchall()


def last_of(db: Connection, repository: Repository, subject: str, limit: int) -> list[str]:
    """Digests of the manifests that came last."""
    rows = db.execute(
        "select m.digest from manifest m join repository r on r.id = m.repository "
        "where r.name = ? and m.subject = ? order by m.id desc limit ?",
        (repository.name, subject, limit),
    )
    return [digest for (digest,) in rows]


def _descriptor(
    media_type: str, digest: str, size: int, artifact_type: str | None, said: str
) -> str:
    """Annotations are JSON already; megabytes of them are not read and written again."""
    found: dict[str, str | int] = {"mediaType": media_type, "digest": digest, "size": size}
    if artifact_type:
        found["artifactType"] = artifact_type
    text = json.dumps(found)
    return text if said == "{}" else f'{text[:-1]}, "annotations": {said}}}'


def newest(db: Connection, number: int, subject: str, artifact_type: str) -> dict[str, str] | None:
    """The annotations of the newest one of a type; None where there is none."""
    row = db.execute(
        "select digest, annotations, key from manifest where repository = ? and subject = ? "
        "and artifact_type = ? order by id desc limit 1",
        (number, subject, artifact_type),
    ).fetchone()
    if row is None:
        return None
    digest, kept, key = row
    found: dict[str, str] = json.loads(annotations.opened(db, digest, kept, key))
    return found
