"""Idle manifests: those that maybe no tag, no index and no subject keeps any more.

Whoever takes away what kept one writes it down here, and is not sure; the collector looks again
when its time has come (`upkeep.collect`).
"""

import time
from enum import StrEnum

from entrepot.db.connection import Connection


class Why(StrEnum):
    """What made a manifest idle."""

    UNTAGGED = "untagged"
    """It was pushed by its digest, or a tag left it."""
    ORPHANED = "orphaned"
    """The index that listed it, or its subject, was deleted."""


_NOTE = "insert into idle_manifest (manifest, since, why) select m.id, ?, ? from manifest m where "
_AGAIN = " on conflict (manifest) do update set since = excluded.since, why = excluded.why"


def untagged(db: Connection, repository: int, digest: str) -> None:
    """Note a manifest that a tag has left, or that came without one."""
    db.execute(
        f"{_NOTE} m.repository = ? and m.digest = ? {_AGAIN}",
        (time.time(), Why.UNTAGGED.value, repository, digest),
    )


def orphaned(db: Connection, repository: int, manifest: int, digest: str) -> None:
    """Note the children and the referrers of a manifest that goes."""
    now, why = time.time(), Why.ORPHANED.value
    db.execute(
        f"{_NOTE} m.repository = ? and m.subject = ? {_AGAIN}", (now, why, repository, digest)
    )
    db.execute(
        f"{_NOTE} m.repository = ? and m.digest in (select child from edge where manifest = ?) "
        f"{_AGAIN}",
        (now, why, repository, manifest),
    )


def forget(db: Connection, manifest: int) -> None:
    """Say that it is kept, or has gone."""
    db.execute("delete from idle_manifest where manifest = ?", (manifest,))
