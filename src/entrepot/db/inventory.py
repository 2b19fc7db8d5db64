"""The inventory: which images the workloads of connected clusters have, as each cluster reports it.

A report is whole, and takes the place of the one before in one transaction; rows that are the same
are not written again. What a report leaves out stays for a while, since it may come back. Next:
`db.running` keeps what stands here, `db.workload_images` lists it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from entrepot.db import audit
from entrepot.db.audit import By, Event
from entrepot.db.connection import Connection

CONNECTED = "cluster connect"
"""The action of the row that a cluster's first report writes; the others are no news."""


class TakenError(Exception):
    """Someone else reports under this name."""


class Key(NamedTuple):
    """Whose image it is, and which."""

    namespace: str
    kind: str
    """Deployment, StatefulSet, CronJob, Pod, …"""
    workload: str
    container: str
    image: str
    """As it is written in the workload."""
    digest: str
    """algorithm:hex; "" where nobody knows what was pulled."""


class Said(NamedTuple):
    """What a report says of it."""

    repository: str
    """"" where it is of another registry."""
    tag: str
    """As it is written; "" where none is."""
    pinned: bool
    """Whether it is pulled by its digest."""
    state: str
    """running; waiting, where a workload would run it again; rollback, where that would need it."""


class Standing(NamedTuple):
    """A row, as it stands before a report."""

    id: int
    said: Said
    here: bool
    """Whether the report before had it."""


@dataclass(slots=True)
class Plan:
    """What a report changes."""

    new: list[tuple[Key, Said]] = field(default_factory=list)
    changed: list[tuple[int, Said]] = field(default_factory=list)
    left: list[int] = field(default_factory=list)


def plan(standing: Mapping[Key, Standing], reported: Mapping[Key, Said]) -> Plan:
    """Compare what is written with what is reported now."""
    found = Plan()
    for key, said in reported.items():
        row = standing.get(key)
        if row is None:
            found.new.append((key, said))
        elif not row.here or row.said != said:
            found.changed.append((row.id, said))
    found.left = [row.id for key, row in standing.items() if row.here and key not in reported]
    return found


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that has reported; times are seconds since 1970."""

    name: str
    reported_by: str
    created_at: float
    seen_at: float


_CLUSTER = "name, reported_by, created_at, seen_at"


def find(db: Connection, name: str) -> Cluster | None:
    """The cluster of this name."""
    row = db.execute(f"select {_CLUSTER} from cluster where name = ?", (name,)).fetchone()
    return Cluster(*row) if row else None


def every(db: Connection) -> list[Cluster]:
    """All clusters, by name."""
    return [Cluster(*row) for row in db.execute(f"select {_CLUSTER} from cluster order by name")]


def report(
    db: Connection,
    name: str,
    reported: Mapping[Key, Said],
    *,
    keep: float,
    reporters: Sequence[str],
    by: By,
) -> Cluster:
    """Take a report; what it leaves out is kept for so many seconds more. `reporters` are the
    subjects whose grants let the actor report.

    Raises `TakenError` where none of them has reported for the cluster of this name before.
    """
    before, now = find(db, name), time.time()
    if before is not None and before.reported_by not in reporters:
        raise TakenError(before.reported_by)
    if before is None:
        audit.append(db, Event(CONNECTED, by, reference=f"cluster:{name}"))
    found = db.execute(
        f"insert into cluster ({_CLUSTER}) values (?, ?, ?, ?) on conflict (name) do update "
        f"set seen_at = excluded.seen_at returning {_CLUSTER}",
        (name, reporters[0], now, now),
    ).fetchone()
    last_seen = before.seen_at if before else now
    _apply(db, name, plan(_standing(db, name), reported), now, (last_seen, now + keep))
    db.execute("delete from workload_image where until <= ?", (now,))
    return Cluster(*found)


def _standing(db: Connection, cluster: str) -> dict[Key, Standing]:
    rows = db.execute(
        "select id, namespace, kind, workload, container, image, digest, repository, tag, pinned, "
        "state, last_seen from workload_image where cluster = ?",
        (cluster,),
    )
    return {
        Key(*key): Standing(number, Said(repository, tag, bool(pinned), state), last is None)
        for number, *key, repository, tag, pinned, state, last in rows
    }


def _apply(
    db: Connection, cluster: str, found: Plan, now: float, left: tuple[float, float]
) -> None:
    if found.new:
        db.executemany(
            "insert into workload_image (cluster, namespace, kind, workload, container, image, "
            "digest, repository, tag, pinned, state, first_seen) "
            "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((cluster, *key, *_values(said), now) for key, said in found.new),
        )
    if found.changed:
        db.executemany(
            "update workload_image set repository = ?, tag = ?, pinned = ?, state = ?, "
            "last_seen = null, until = null where id = ?",
            ((*_values(said), number) for number, said in found.changed),
        )
    if found.left:
        db.executemany(
            "update workload_image set last_seen = ?, until = ? where id = ?",
            ((*left, number) for number in found.left),
        )


def _values(said: Said) -> tuple[str, str, int, str]:
    return said.repository, said.tag, int(said.pinned), said.state


def forget(db: Connection, name: str) -> bool:
    """Know nothing of a cluster any more: what it runs is not kept. False where it is not known."""
    db.execute("delete from workload_image where cluster = ?", (name,))
    return db.execute("delete from cluster where name = ?", (name,)).rowcount > 0
