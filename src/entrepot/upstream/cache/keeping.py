"""What is written down of a manifest from upstream; each function is for one transaction."""

import time

from entrepot.db import fetches, manifests, repositories, tags
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.manifests import Stored
from entrepot.db.trash import Keep
from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Reference, Repository, Tag

_GONE = "its upstream has it no more"


def by(project: str) -> By:
    """Who does it, in the log of changes."""
    return By(f"upstream:{project}", via="cache")


def look(
    db: Connection, repository: Repository, reference: Reference
) -> tuple[Stored | None, float]:
    """What is kept, None where it is nothing; and when it was compared last."""
    kept = manifests.find(db, repository, reference)
    if kept is None or not kept.content:
        return None, 0.0
    at = fetches.checked_at(db, repository, reference) if isinstance(reference, Tag) else 0.0
    return kept, at


def keep(
    db: Connection, repository: Repository, reference: Reference, manifest: Manifest
) -> Stored:
    """Keep a manifest, and have the tag by which it was asked for mean it.

    Raises DENIED where the tag holds still here, or the project has no room.
    """
    manifests.put(db, repository, manifest, [], sparse=True, by=by(repository.project))
    if isinstance(reference, Tag):
        confirm(db, repository, reference, manifest.digest)
    return Stored(str(manifest.digest), manifest.media_type, manifest.content)


def confirm(db: Connection, repository: Repository, tag: Tag, digest: Digest) -> None:
    """Say that a tag means a manifest that is kept, as of now. Raises DENIED as above."""
    number = repositories.ensure(db, repository)
    tags.point(db, (number, repository), tag, digest, by=by(repository.project))
    fetches.checked(db, repository, tag, time.time())


def forget(db: Connection, repository: Repository, tag: Tag, terms: Keep) -> None:
    """Take a tag away that the upstream has no more, into the trash. Raises DENIED where it is to
    stay here: a cluster has it, or a rule holds it.
    """
    tags.remove(db, repository, tag, keep=terms, by=by(repository.project), reason=_GONE)
