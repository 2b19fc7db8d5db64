"""Immutable tags: a project's patterns say which tags stay what they are, whoever asks.

Whatever would move or delete such a tag, or take away what it needs, asks here first, in the
transaction that would do it; so of two pushes of a new tag at once one is too late.
"""

import json
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from entrepot.db.connection import Connection
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository

MOVE = "push another tag, or take the pattern away"
DELETE = "neither it nor what it needs can be deleted, unless you take the pattern away"


def read(text: str | None) -> tuple[str, ...]:
    """The patterns of a project's row, as a shell has them: v*, release-?; none without a row."""
    return tuple(json.loads(text)) if text else ()


def of(db: Connection, project: str) -> tuple[str, ...]:
    """The patterns of a project."""
    row = db.execute("select immutable from project where name = ?", (project,)).fetchone()
    return read(row[0] if row else None)


def pattern_of(tag: str, patterns: Sequence[str]) -> str | None:
    """The first of the patterns that means a tag; None where it is free."""
    return next((each for each in patterns if fnmatchcase(tag, each)), None)


def check(
    repository: Repository, names: Iterable[str], patterns: Sequence[str], what_to_do: str
) -> None:
    """Raise DENIED for the first of the tags that is immutable."""
    for tag in names:
        if pattern := pattern_of(tag, patterns):
            raise OCIError(
                Code.DENIED,
                f"{repository}:{tag} is immutable by the pattern {pattern} of project "
                f"{repository.project}: {what_to_do}",
                detail={"tag": tag, "pattern": pattern},
            )


def check_repository(db: Connection, number: int, repository: Repository) -> None:
    """Raise DENIED where a repository has an immutable tag."""
    if patterns := of(db, repository.project):
        rows = db.execute("select name from tag where repository = ? order by name", (number,))
        check(repository, (name for (name,) in rows), patterns, DELETE)


def check_part(db: Connection, number: int, repository: Repository, digest: Digest) -> None:
    """Raise DENIED where an immutable tag names the digest, or something that is made of it."""
    if patterns := of(db, repository.project):
        rows = db.execute(
            "with recursive above (digest) as ("
            "select digest from tag where repository = :number and digest = :digest union "
            "select child from edge where repository = :number and child = :digest union "
            "select m.digest from above a "
            "join edge e on e.repository = :number and e.child = a.digest "
            "join manifest m on m.id = e.manifest) "
            "select t.name from above a "
            "join tag t on t.repository = :number and t.digest = a.digest",
            {"digest": str(digest), "number": number},
        )
        check(repository, sorted(name for (name,) in rows), patterns, DELETE)
