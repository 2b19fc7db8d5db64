"""Channels: the tags of a repository that only a promotion moves, in their order.

They belong to a project or to a repository, and a repository's own count alone. Whatever else
would move or delete such a tag asks here first, in the transaction that would do it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entrepot.db.connection import Connection
from entrepot.oci.names import Repository


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
    keep: int
    """How many earlier versions can be gone back to."""


def own(db: Connection, scope: str) -> tuple[Channel, ...]:
    """The channels that a project or a repository itself has, in their order."""
    rows = db.execute(
        "select scope, name, place, gates, keep from channel where scope = ? order by place",
        (scope,),
    )
    return tuple(
        Channel(scope, name, place, json.loads(gates), keep)
        for scope, name, place, gates, keep in rows
    )


def of(db: Connection, repository: Repository) -> tuple[Channel, ...]:
    """The channels that count for a repository, in their order."""
    return own(db, repository.name) or own(db, repository.project)
