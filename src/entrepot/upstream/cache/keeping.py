"""What is written down of a manifest from upstream; each function is for one transaction."""

import time

from entrepot.db import fetches, jobs, manifests, quotas, repositories, tags
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.manifests import Stored
from entrepot.db.trash import Keep
from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Reference, Repository, Tag, attached_to

MAKES_ROOM = "cache"
"""The job."""
_APART = 60.0
"""Seconds between two clocks; what was compared later than that was so by one that was wrong."""
_GONE = "its upstream has it no more"


def by(project: str) -> By:
    """Who does it, in the log of changes."""
    return By(f"upstream:{project}", via="cache")


def left(checked_at: float, seconds: float) -> float:
    """For how many more of some seconds what was compared then is good; for none where the clock
    was wrong that said when.
    """
    age = time.time() - checked_at
    return seconds - age if age > -_APART else 0.0


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
    """Keep a manifest, and have the tag by which it was asked for mean it. Where the project may
    have no more tags it is served all the same, and room is made for the next time.

    Raises DENIED where the tag holds still here, or the project has no room.
    """
    manifests.put(db, repository, manifest, [], sparse=True, by=by(repository.project))
    if isinstance(reference, Tag):
        if _fits(db, repository, reference):
            _name(db, repository, reference, manifest.digest)
        else:
            jobs.ask(db, MAKES_ROOM)
    return Stored(str(manifest.digest), manifest.media_type, manifest.content)


def _fits(db: Connection, repository: Repository, tag: Tag) -> bool:
    """Whether a tag may be kept. Cosign's always may: without it a signature is not found."""
    if attached_to(tag.name) or quotas.has_tags_left(db, repository.project):
        return True
    return tags.digest_of(db, repository, tag) is not None


def _name(db: Connection, repository: Repository, tag: Tag, digest: Digest) -> None:
    number = repositories.ensure(db, repository)
    tags.point(db, (number, repository), tag, digest, by=by(repository.project))
    fetches.checked(db, repository, tag, time.time())


def forget(db: Connection, repository: Repository, tag: Tag, terms: Keep) -> None:
    """Take a tag away that the upstream has no more, into the trash. Raises DENIED where it is to
    stay here: a cluster has it, or a rule holds it.
    """
    tags.remove(db, repository, tag, keep=terms, by=by(repository.project), reason=_GONE)
