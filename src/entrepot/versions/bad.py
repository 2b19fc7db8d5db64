"""Bad: a digest that is promoted nowhere, until a maintainer frees it.

It is the manifest that is bad, not its tag: under another name it is refused as well. The mark
outlives its tags, and, as all that is of a digest, a deletion and a new push of the same.
"""

from dataclasses import replace

from entrepot.db import audit, bad_versions, channels, stays
from entrepot.db.audit import By, Event
from entrepot.db.bad_versions import BadVersion
from entrepot.db.connection import Connection
from entrepot.db.stays import Candidate
from entrepot.db.trash import Place
from entrepot.oci.names import Repository
from entrepot.versions import floating
from entrepot.versions.errors import UnknownError
from entrepot.versions.promotion import find, version_of

MARKED, FREED = "version marked bad", "version freed"
"""Actions in the audit."""


def mark(db: Connection, place: Place, version: Candidate, by: By, *, reason: str) -> BadVersion:
    """Mark a version as bad, and write that down."""
    bad = BadVersion(version.digest, version.version, reason, by.actor)
    found = bad_versions.mark(db, place[0], bad)
    _record(db, place, _event(MARKED, by, place, version), reason)
    return found


def free(db: Connection, repository: Repository, text: str, by: By, *, reason: str) -> None:
    """Let a bad version be promoted again. Raises `UnknownError` where it is not bad."""
    place = find(db, repository)
    marked = [each for each in bad_versions.of(db, place[0]) if text in (each.digest, each.version)]
    version = (
        Candidate(marked[0].version, marked[0].digest) if marked else version_of(db, place, text)
    )
    if not bad_versions.free(db, place[0], version.digest):
        raise UnknownError(f"{repository}:{text} is not marked as bad")
    _record(db, place, _event(FREED, by, place, version), reason)


def _record(db: Connection, place: Place, event: Event, reason: str) -> None:
    """Write it down; what channels could go back to changes, and to what tags float."""
    number, repository = place
    audit.append(db, replace(event, detail={"reason": reason} if reason else {}))
    for channel in channels.of(db, repository):
        stays.weigh(db, number, channel)
    floating.refresh(db, repository, by=event.by)


def _event(what: str, by: By, place: Place, version: Candidate) -> Event:
    return Event(what, by, place[1].name, version.version, version.digest)
