"""Signers: whose signatures count in which repositories of a project; and where they are demanded.

What a signer's terms mean is `signatures.terms`'s to say: here they are JSON.
"""

import json
import time
from dataclasses import dataclass
from typing import Any

from entrepot.db.connection import Connection


@dataclass(frozen=True, slots=True)
class Signer:
    """A row. Times are seconds since 1970."""

    project: str
    name: str
    pattern: str
    """The repositories of the project that they sign for."""
    kind: str
    """key, identity or notation."""
    terms: str
    """JSON: what a signature must show to be theirs."""
    created_at: float = 0
    created_by: str = ""


@dataclass(frozen=True, slots=True)
class Demand:
    """A row: what the pattern means is pulled only where one of these signed it."""

    project: str
    pattern: str
    signers: tuple[str, ...]
    created_at: float = 0
    created_by: str = ""


_SIGNER = "project, name, pattern, kind, terms, created_at, created_by"
_DEMAND = "project, pattern, signers, created_at, created_by"


def of(db: Connection, project: str) -> list[Signer]:
    """A project's signers, by name."""
    rows = db.execute(f"select {_SIGNER} from signer where project = ? order by name", (project,))
    return [Signer(*row) for row in rows]


def every(db: Connection) -> list[Signer]:
    """All of them, by project and name."""
    return [
        Signer(*row) for row in db.execute(f"select {_SIGNER} from signer order by project, name")
    ]


def put(db: Connection, signer: Signer, by: str) -> Signer:
    """Name a signer, in place of the one of that name."""
    row = db.execute(
        f"insert into signer ({_SIGNER}) values (?, ?, ?, ?, ?, ?, ?) "
        "on conflict (project, name) do update set pattern = excluded.pattern, "
        "kind = excluded.kind, terms = excluded.terms, created_at = excluded.created_at, "
        f"created_by = excluded.created_by returning {_SIGNER}",
        (
            signer.project,
            signer.name,
            signer.pattern,
            signer.kind,
            signer.terms,
            time.time(),
            by,
        ),
    ).fetchone()
    return Signer(*row)


def remove(db: Connection, project: str, name: str) -> bool:
    """Have a signer's signatures count no more. False where there was none."""
    gone = db.execute("delete from signer where project = ? and name = ?", (project, name))
    return gone.rowcount > 0


def demands(db: Connection, project: str | None = None) -> list[Demand]:
    """Where signatures are demanded, by pattern: in a project, or anywhere."""
    rows = db.execute(
        f"select {_DEMAND} from demand where cast(? as text) is null or project = ? "
        "order by project, pattern",
        (project, project),
    )
    return [_read(row) for row in rows]


def _read(row: tuple[Any, ...]) -> Demand:
    project, pattern, names, *rest = row
    return Demand(project, pattern, tuple(json.loads(names)), *rest)


def demand(db: Connection, wanted: Demand, by: str) -> Demand:
    """Demand signatures, in place of what was demanded for that pattern."""
    row = db.execute(
        f"insert into demand ({_DEMAND}) values (?, ?, ?, ?, ?) "
        "on conflict (project, pattern) do update set signers = excluded.signers, "
        "created_at = excluded.created_at, created_by = excluded.created_by "
        f"returning {_DEMAND}",
        (wanted.project, wanted.pattern, json.dumps(wanted.signers), time.time(), by),
    ).fetchone()
    return _read(row)


def relent(db: Connection, project: str, pattern: str) -> bool:
    """Demand nothing for a pattern. False where nothing was."""
    gone = db.execute("delete from demand where project = ? and pattern = ?", (project, pattern))
    return gone.rowcount > 0
