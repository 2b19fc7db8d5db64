"""Retention: the rules as rows, and what they look at: tags, pulls, manifests that are loose."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from entrepot.db import idle
from entrepot.db.connection import Connection
from entrepot.db.idle import Idle
from entrepot.oci.names import Repository

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: the rules for the repositories of a pattern."""

    pattern: str
    rules: dict[str, Any]
    """As JSON has them; `upkeep.tag_rules` says what they mean."""
    created_at: float = 0
    created_by: str = ""


_COLUMNS = "pattern, rules, created_at, created_by"


def _read(row: tuple[Any, ...]) -> Rule:
    pattern, rules, *rest = row
    return Rule(pattern, json.loads(rules), *rest)


def every(db: Connection) -> list[Rule]:
    """All rules, by pattern."""
    return [_read(row) for row in db.execute(f"select {_COLUMNS} from retention order by pattern")]


def find(db: Connection, pattern: str) -> Rule | None:
    """The rules of exactly this pattern."""
    row = db.execute(f"select {_COLUMNS} from retention where pattern = ?", (pattern,)).fetchone()
    return _read(row) if row else None


def put(db: Connection, pattern: str, rules: dict[str, Any], by: str) -> Rule:
    """Set the rules of a pattern, in place of those that it has."""
    row = db.execute(
        "insert into retention (pattern, rules, created_at, created_by) values (?, ?, ?, ?) "
        "on conflict (pattern) do update set rules = excluded.rules, "
        f"created_at = excluded.created_at, created_by = excluded.created_by returning {_COLUMNS}",
        (pattern, json.dumps(rules), time.time(), by),
    ).fetchone()
    return _read(row)


def remove(db: Connection, pattern: str) -> bool:
    """Take the rules of a pattern away. False where it had none."""
    return db.execute("delete from retention where pattern = ?", (pattern,)).rowcount > 0


TagRow = tuple[str, str, float, float | None, int]
"""Name, digest, when it was pushed and its manifest pulled last, bytes of the manifest."""


def tags(db: Connection, repository: Repository) -> list[TagRow]:
    """All tags of a repository."""
    return db.execute(
        "select t.name, t.digest, t.moved_at, u.at, m.size from repository r "
        "join tag t on t.repository = r.id "
        "join manifest m on m.repository = t.repository and m.digest = t.digest "
        "left join manifest_use u on u.manifest = m.id where r.name = ? order by t.name",
        (repository.name,),
    ).fetchall()


def stands(db: Connection, repository: Repository, tag: str, digest: str, moved_at: float) -> bool:
    """Whether a tag is as it was seen."""
    row = db.execute(
        "select 1 from repository r join tag t on t.repository = r.id "
        "where r.name = ? and t.name = ? and t.digest = ? and t.moved_at = ?",
        (repository.name, tag, digest, moved_at),
    ).fetchone()
    return row is not None


@dataclass(frozen=True, slots=True)
class Loose:
    """A manifest that nothing keeps."""

    found: Idle
    dangling: bool
    """Whether it refers to a subject, which is gone."""
    pulled_at: float | None


def loose(db: Connection, repository: Repository) -> Iterable[Loose]:
    """Manifests of a repository that no tag, no index and no subject keeps."""
    after = ""
    while page := idle.loose(db, repository, after, _PAGE):
        for found in page:
            row = db.execute(
                "select m.subject, u.at from manifest m "
                "left join manifest_use u on u.manifest = m.id where m.id = ?",
                (found.id,),
            ).fetchone()
            if row is not None:
                yield Loose(found, row[0] is not None, row[1])
        after = page[-1].digest


def used(db: Connection, repository: str, digest: str, at: float) -> None:
    """Note when a manifest was pulled last."""
    db.execute(
        "insert into manifest_use (manifest, at) select m.id, :at from repository r "
        "join manifest m on m.repository = r.id and m.digest = :digest where r.name = :name "
        "on conflict (manifest) do update set at = excluded.at",
        {"at": at, "digest": digest, "name": repository},
    )
