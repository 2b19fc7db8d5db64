"""What the log of changes puts in line for a rule: the tags that are to be looked at again.

A signature, or whatever else refers to an image, puts the tags of that image in line.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from entrepot.db import replication_tags, upstreams
from entrepot.db.changes import Kind, Row
from entrepot.db.connection import Connection
from entrepot.db.replication_tags import Entry
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Tag
from entrepot.upkeep.replication.wanted import Wanted
from entrepot.versions.reading import is_referrer

_MOST = 1000
"""Manifests that are looked through for the images that another one belongs to."""

PART = 200
"""Tags that are put in line by one write, which holds up the others for milliseconds."""
AHEAD = 24 * 3600.0
"""Seconds by which what changed goes before what a compare found, however much that is; so that
waits for no longer.
"""


def parts(found: Mapping[Entry, float]) -> Iterator[list[tuple[Entry, float]]]:
    """No more at once than one write puts in line."""
    left = iter(found.items())
    while some := list(islice(left, PART)):
        yield some


def entries(db: Connection, rule: str, wanted: Wanted, rows: Iterable[Row]) -> dict[Entry, float]:
    """What is to be put in line, and since when it waits."""
    found: dict[Entry, float] = {}
    for row in rows:
        if row.repository and wanted.repository(row.repository) and is_ours(db, row.repository):
            for tag in _tags(db, rule, wanted, row):
                entry = (row.repository, tag, not _is_there(db, row.repository, tag))
                found.setdefault(entry, row.at)
    return found


def is_ours(db: Connection, repository: str) -> bool:
    """Whether it is not of a project that stands for another registry, and has but parts of it."""
    return not upstreams.stands(db, repository.partition("/")[0])


def _tags(db: Connection, rule: str, wanted: Wanted, row: Row) -> Iterator[str]:
    if row.kind == Kind.REPOSITORY_DELETED:
        yield from replication_tags.of(db, rule, row.repository)
    elif row.kind == Kind.RESTORED:
        yield from filter(wanted.tag, _all(db, row.repository))
    elif row.kind == Kind.PUSHED:
        subject = _subject(db, row.repository, row.reference)
        yield from filter(wanted.tag, of_image(db, row.repository, subject)) if subject else ()
    elif is_referrer(row.reference):
        image = image_of(row.reference)
        yield from filter(wanted.tag, of_image(db, row.repository, image))
    elif is_tag(row.reference) and wanted.tag(row.reference):
        yield row.reference


def image_of(tag: str) -> str:
    """The digest of the image that a tag of cosign's belongs to."""
    return ":".join(tag.partition(".")[0].split("-", 1))


def is_tag(text: str) -> bool:
    """Whether it reads as a tag."""
    try:
        Tag.parse(text)
    except OCIError:
        return False
    return True


_OF = "from {table} join repository r on r.id = x.repository where r.name = ?"


def _is_there(db: Connection, repository: str, tag: str) -> bool:
    query = f"select 1 {_OF.format(table='tag x')} and x.name = ?"
    return db.execute(query, (repository, tag)).fetchone() is not None


def _all(db: Connection, repository: str) -> list[str]:
    rows = db.execute(f"select x.name {_OF.format(table='tag x')}", (repository,))
    return [name for (name,) in rows]


def _subject(db: Connection, repository: str, digest: str) -> str:
    row = db.execute(
        f"select x.subject {_OF.format(table='manifest x')} and x.digest = ?",
        (repository, digest),
    ).fetchone()
    return str(row[0] or "") if row else ""


def of_image(db: Connection, repository: str, digest: str) -> list[str]:
    """Tags of images that a manifest is, or is a part of, or refers to."""
    try:
        left, seen = [str(Digest.parse(digest))], set[str]()
    except OCIError:
        return []
    found: dict[str, None] = {}
    while left and len(seen) < _MOST:
        each = left.pop()
        if each in seen:
            continue
        seen.add(each)
        for (tag,) in db.execute(
            f"select x.name {_OF.format(table='tag x')} and x.digest = ?", (repository, each)
        ).fetchall():
            found[tag] = None
        parents = db.execute(
            "select m.digest from edge x join repository r on r.id = x.repository "
            "join manifest m on m.id = x.manifest where r.name = ? and x.child = ?",
            (repository, each),
        ).fetchall()
        left += [parent for (parent,) in parents]
        if subject := _subject(db, repository, each):
            left.append(subject)
    return list(found)
