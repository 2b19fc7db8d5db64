"""Channels: the tags of a repository that only a promotion moves, in their order.

They belong to a project or to a repository, and a repository's own count alone. Whatever else
would move or delete such a tag asks here first, in the transaction that would do it.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.db.connection import Connection
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository

KEEP = 3
"""How many earlier versions of a channel can be gone back to, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A row."""

    scope: str
    """Whose it is: a project, such as team, or a repository, team/app."""
    name: str
    place: int
    """In the order in which versions go through them, from 0."""
    gates: Mapping[str, Any]
    """As JSON has them; `versions.gates` says what they mean."""

    @property
    def keep(self) -> int:
        """How many earlier versions can be gone back to."""
        found: int = self.gates.get("keep", KEEP)
        return found


def own(db: Connection, scope: str) -> tuple[Channel, ...]:
    """The channels that a project or a repository itself has, in their order."""
    rows = db.execute(
        "select scope, name, place, gates from channel where scope = ? order by place", (scope,)
    )
    return tuple(Channel(of, name, place, json.loads(gates)) for of, name, place, gates in rows)


def of(db: Connection, repository: Repository) -> tuple[Channel, ...]:
    """The channels that count for a repository, in their order."""
    return own(db, repository.name) or own(db, repository.project)


def put(db: Connection, scope: str, names: Sequence[str], by: str) -> None:
    """Have these channels, in this order; those that were there keep their gates."""
    gone = [each.name for each in own(db, scope) if each.name not in names]
    for table, column in (("channel", "name"), ("channel_freeze", "channel")):
        statement = f"delete from {table} where scope = ? and {column} = ?"
        db.executemany(statement, [(scope, name) for name in gone])
    db.executemany(
        "insert into channel (scope, name, place, created_at, created_by) values (?, ?, ?, ?, ?) "
        "on conflict (scope, name) do update set place = excluded.place",
        [(scope, name, place, time.time(), by) for place, name in enumerate(names)],
    )


def forget(db: Connection, project: str) -> None:
    """Have none in a project, nor in its repositories."""
    for table in ("channel", "channel_freeze"):
        db.execute(
            f"delete from {table} where scope = ? or (scope > ? and scope < ?)",
            (project, f"{project}/", f"{project}0"),  # 0 comes behind the slash
        )


def set_gates(db: Connection, scope: str, name: str, gates: Mapping[str, Any]) -> None:
    """Set what a version must have to come into a channel."""
    db.execute(
        "update channel set gates = ? where scope = ? and name = ?",
        (json.dumps(gates), scope, name),
    )


_OURS = (
    "(c.scope = :repository or (c.scope = :project and not exists "
    "(select 1 from channel o where o.scope = :repository)))"
)


def has(db: Connection, repository: Repository, tag: str) -> bool:
    """Whether a tag is a channel."""
    row = db.execute(
        f"select 1 from channel c where c.name = :tag and {_OURS}",
        {"tag": tag, "repository": repository.name, "project": repository.project},
    ).fetchone()
    return row is not None


def check(db: Connection, repository: Repository, tag: str, what_to_do: str) -> None:
    """Raise DENIED for a tag that is a channel."""
    if has(db, repository, tag):
        raise _held(repository, tag, what_to_do)


def check_part(db: Connection, number: int, repository: Repository, digest: Digest) -> None:
    """Raise DENIED where a channel has the digest, or something that is made of it."""
    row = db.execute(
        "with recursive above (digest) as ("
        "select t.digest from channel c join tag t on t.repository = :number and t.name = c.name "
        f"where t.digest = :digest and {_OURS} union "
        "select child from edge where repository = :number and child = :digest union "
        "select m.digest from above a "
        "join edge e on e.repository = :number and e.child = a.digest "
        "join manifest m on m.id = e.manifest) "
        "select t.name from above a join tag t on t.repository = :number and t.digest = a.digest "
        f"join channel c on c.name = t.name where {_OURS} order by t.name",
        {
            "digest": str(digest),
            "number": number,
            "repository": repository.name,
            "project": repository.project,
        },
    ).fetchone()
    if row is not None:
        raise _held(repository, row[0], TAKE_ANOTHER)


MOVE = "promote the version that it is to have: entrepot promote {0} VERSION --to {1}"
DELETE = "take it from the channels first: entrepot channel set"
TAKE_ANOTHER = "promote another version first: entrepot promote {0} VERSION --to {1}"


def _held(repository: Repository, tag: str, what_to_do: str) -> OCIError:
    return OCIError(
        Code.DENIED,
        f"{repository}:{tag} is a channel, which only a promotion moves: "
        + what_to_do.format(repository, tag),
        detail={"tag": tag, "channel": tag},
    )
