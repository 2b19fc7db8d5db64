"""Referrers: the manifests of a repository that name another one as their subject.

Source: OCI Distribution Specification, "Listing Referrers". The subject itself may be missing.
"""

import json
import sqlite3
from typing import Any

from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository

_QUERY = (
    "select m.id, m.media_type, m.digest, length(m.content), m.artifact_type, m.annotations "
    "from manifest m join repository r on r.id = m.repository "
    "where r.name = ? and m.subject = ? and m.id > ? and coalesce(m.artifact_type = ?, ? is null) "
    "order by m.id limit ?"
)


def listed(
    db: sqlite3.Connection,
    repository: Repository,
    subject: Digest,
    *,
    artifact_type: str | None,
    after: int,
    limit: int,
) -> list[tuple[int, dict[str, Any]]]:
    """Descriptors as the spec wants them in the index, each behind its row's number."""
    rows = db.execute(
        _QUERY,
        (repository.name, str(subject), after, artifact_type, artifact_type, limit),
    )
    return [(row[0], _descriptor(*row[1:])) for row in rows]


def _descriptor(
    media_type: str, digest: str, size: int, artifact_type: str | None, annotations: str
) -> dict[str, Any]:
    found: dict[str, Any] = {"mediaType": media_type, "digest": digest, "size": size}
    if artifact_type:
        found["artifactType"] = artifact_type
    if notes := json.loads(annotations):
        found["annotations"] = notes
    return found
