"""What people write of versions, and how a repository's tags are read where they said so."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from entrepot.db import changes
from entrepot.db.audit import By
from entrepot.db.changes import Change
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository, Tag

Place = tuple[int, Repository]
"""A repository's row and name."""


class Kind(StrEnum):
    """What a note is."""

    DESCRIPTION = "description"
    PLAN = "plan"


_CHANGES = {Kind.DESCRIPTION: changes.Kind.DESCRIBED, Kind.PLAN: changes.Kind.PLANNED}


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote, and when, in seconds since 1970."""

    text: str
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class Read:
    """How the tags of a repository are read; None where nobody said so."""

    scheme: str | None = None
    variants: tuple[str, ...] | None = None


def write(db: Connection, place: Place, tag: Tag, note: tuple[Kind, str], *, by: By) -> bool:
    """Write a note on what a tag means now, in place of the one before; "" takes it away.

    False where there is no such tag.
    """
    kind, text = note
    row = db.execute(
        "select digest from tag where repository = ? and name = ?", (place[0], tag.name)
    ).fetchone()
    if row is None:
        return False
    key = (place[0], tag.name, row[0], kind.value)
    db.execute(
        "delete from version_note where repository = ? and tag = ? and digest = ? and kind = ?", key
    )
    if text:
        db.execute(
            "insert into version_note (repository, tag, digest, kind, text, actor, at) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            (*key, text, by.actor, time.time()),
        )
    change = Change(_CHANGES[kind], place[1], tag.name, row[0], row[0], by=by, reason=text)
    changes.record(db, change)  # from and to the same: the tag did not move
    return True


Notes = dict[tuple[str, str, Kind], Note]


def of(db: Connection, number: int, tags: Sequence[str]) -> Notes:
    """By tag, digest and kind, the notes on some tags of a repository."""
    marks = ", ".join("?" * len(tags))
    rows = db.execute(
        "select tag, digest, kind, text, actor, at from version_note "
        f"where repository = ? and tag in ({marks})",
        (number, *tags),
    )
    return {(tag, digest, Kind(kind)): Note(*note) for tag, digest, kind, *note in rows}


def first_pushed(
    db: Connection, repository: Repository, pointed: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str, float]]:
    """By tag and digest, who first pushed that under this tag, and when."""
    marks = ", ".join("?" * len(pointed))
    rows = db.execute(
        "select c.reference, c.new, c.actor, c.at from change c join (select min(id) as id "
        "from change where repository = ? and kind = ? "
        f"and reference in ({marks}) and new in ({marks}) group by reference, new) f "
        "on f.id = c.id",
        (
            repository.name,
            changes.Kind.TAGGED.value,
            *(tag for tag, _ in pointed),
            *(digest for _, digest in pointed),
        ),
    )
    return {(tag, digest): (actor, at) for tag, digest, actor, at in rows}


def reading(db: Connection, number: int) -> Read:
    """How a repository's tags are read."""
    row = db.execute(
        "select scheme, variants from version_scheme where repository = ?", (number,)
    ).fetchone()
    if row is None:
        return Read()
    return Read(row[0], None if row[1] is None else tuple(json.loads(row[1])))


def set_reading(db: Connection, place: Place, wanted: Read, by: By) -> None:
    """Have a repository's tags read so from now on."""
    variants = None if wanted.variants is None else json.dumps(wanted.variants)
    db.execute(
        "insert into version_scheme (repository, scheme, variants) values (?, ?, ?) "
        "on conflict (repository) do update set "
        "scheme = excluded.scheme, variants = excluded.variants",
        (place[0], wanted.scheme, variants),
    )
    said = f"tags are read as {wanted.scheme or 'is guessed'}"
    changes.record(db, Change(changes.Kind.SCHEME, place[1], "", by=by, reason=said))
