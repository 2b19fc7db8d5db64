"""What the log of another Entrepot puts in line for a rule that pulls. For threads.

What was copied to there from here is the same here already, and costs no request.
"""

import time
from collections.abc import Iterator, Sequence

from entrepot.db import manifests, replicated, replication_tags
from entrepot.db.changes import Kind, Row
from entrepot.db.connection import Connection
from entrepot.db.replication_tags import Entry
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository
from entrepot.upkeep.replication.line import image_of, is_tag, of_image
from entrepot.upkeep.replication.way import Way
from entrepot.upstream.place import RefusedError, UnknownError
from entrepot.versions.reading import is_referrer

_MOVES = {Kind.TAGGED, Kind.PROMOTED, Kind.ROLLED_BACK}
_GONE = {Kind.UNTAGGED, Kind.REPOSITORY_DELETED}


def entries(way: Way, rows: Sequence[Row]) -> dict[Entry, float]:
    """What is to be put in line, and since when it waits. Raises `UpstreamError`."""
    found: dict[Entry, float] = {}
    roots = {(row.repository, row.new) for row in rows if row.kind in _MOVES}
    for row in rows:
        here = way.wanted.at_target(row.repository) if _is_meant(way, row) else None
        if here is None or (row.repository, row.reference) in roots:
            continue  # a root comes with its tag
        for tag in _tags(way, row, here):
            if way.wanted.tag(tag):
                found.setdefault((here.name, tag, row.kind in _GONE), row.at)
    return found


def _is_meant(way: Way, row: Row) -> bool:
    return bool(row.repository) and way.wanted.repository(row.repository)


def _tags(way: Way, row: Row, here: Repository) -> Iterator[str]:
    if row.kind == Kind.REPOSITORY_DELETED:
        yield from way.here.local.read(lambda db: replication_tags.of(db, way.rule.name, here.name))
    elif row.kind == Kind.RESTORED:
        yield from _all(way, row.repository)
    elif row.kind == Kind.PUSHED:
        if subject := _subject(way, row, here):
            yield from _of_image(way, here, subject)
    elif is_referrer(row.reference):
        yield from _of_image(way, here, image_of(row.reference))
    elif is_tag(row.reference) and not _agrees(way, row, here):
        yield row.reference


def _all(way: Way, repository: str) -> list[str]:
    try:
        return way.far.repository(Repository(repository)).tags()
    except UnknownError:
        return []


def _subject(way: Way, row: Row, here: Repository) -> str:
    """What a manifest refers to that is not here yet; "" for nothing."""
    try:
        digest = str(Digest.parse(row.reference))
    except OCIError:
        return ""
    if way.here.local.read(lambda db: manifests.holds(db, here, digest)):
        return ""
    try:
        found = way.far.repository(Repository(row.repository)).manifest(digest)
    except (UnknownError, RefusedError):  # such as one that nobody has signed
        return ""
    return str(found.subject.digest) if found.subject else ""


def _of_image(way: Way, here: Repository, digest: str) -> list[str]:
    """Tags of an image that something refers to; those on their way where it is not here yet."""

    def query(db: Connection) -> list[str]:
        return of_image(db, here.name, digest) or replication_tags.waiting(
            db, way.rule.name, here.name
        )

    return way.here.local.read(query) if way.rule.referrers else []


def _agrees(way: Way, row: Row, here: Repository) -> bool:
    """Whether a tag came to be there what it is here; if so, that is noted."""
    if row.kind not in _MOVES or row.new is None or not way.wanted.tag(row.reference):
        return False
    known, new = way.here.local.read(lambda db: replicated.moved(db, here, row.reference)), row.new
    if known is None or known.digest != new:
        return False
    where = here.name, row.reference
    return way.here.local.write(
        lambda db: replication_tags.agree(db, way.rule.name, where, new, time.time()), note=True
    )
