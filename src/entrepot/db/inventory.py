"""The inventory: which images the workloads of connected clusters have, as each cluster reports it.

A report is whole, and takes the place of the one before in one transaction; rows that are the same
are not written again. What a report leaves out stays for a while, since it may come back. Next:
`db.running` keeps what stands here.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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


@dataclass(frozen=True, slots=True)
class Listed:
    """An image of a workload, and how it stands with the registry."""

    id: int
    cluster: str
    key: Key
    said: Said
    first_seen: float
    last_seen: float
    """The newest report with it."""
    until: float | None
    """Until when it is kept; None while the cluster reports it."""
    named: str | None
    """The digest that the tag means here now; None where there is no such tag."""
    there: bool
    """Whether there is a manifest of its digest here."""
    part: bool
    """Whether that one is a platform of what the tag means."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows to list; "" for any."""

    cluster: str = ""
    namespace: str = ""
    repository: str = ""
    past: bool = False
    """Also those that the cluster does not report any more."""


_LISTED = (
    "select i.id, i.cluster, i.namespace, i.kind, i.workload, i.container, i.image, i.digest, "
    "i.repository, i.tag, i.pinned, i.state, i.first_seen, coalesce(i.last_seen, c.seen_at), "
    "i.until, t.digest, m.id, (select x.id from edge e join manifest x on x.id = e.manifest "
    "where e.repository = r.id and e.child = i.digest and x.digest = t.digest) "
    "from workload_image i join cluster c on c.name = i.cluster "
    "left join repository r on r.name = i.repository "
    "left join tag t on t.repository = r.id and t.name = i.tag "
    "left join manifest m on m.repository = r.id and m.digest = i.digest "
    "where i.id > ? and (i.until is null or i.until > ?)"
)

_PAGE = 1000


def listed(
    db: Connection,
    wanted: Wanted,
    ranges: Sequence[tuple[str, str]] | None,
    after: int,
    limit: int,
) -> list[Listed]:
    """Rows from the one behind `after` on; of repositories in `ranges` (first and last name) alone,
    unless that is None. Reads as much as it takes to find so many.
    """
    found: list[Listed] = []
    where, values = _where(wanted)
    while len(found) < limit:
        rows = db.execute(
            f"{_LISTED}{where} order by i.id limit ?", (after, time.time(), *values, _PAGE)
        ).fetchall()
        found += [_read(row) for row in rows if ranges is None or _within(row[8], ranges)]
        if len(rows) < _PAGE:
            break
        after = rows[-1][0]
    return found[:limit]


def _where(wanted: Wanted) -> tuple[str, list[str]]:
    given = {name: getattr(wanted, name) for name in ("cluster", "namespace", "repository")}
    chosen = {name: value for name, value in given.items() if value}
    where = "".join(f" and i.{name} = ?" for name in chosen)
    return where + ("" if wanted.past else " and i.last_seen is null"), list(chosen.values())


def _within(name: str, ranges: Iterable[tuple[str, str]]) -> bool:
    return any(first <= name <= last for first, last in ranges)


def _read(row: tuple[Any, ...]) -> Listed:
    number, cluster = row[:2]
    key, (repository, tag, pinned, state) = Key(*row[2:8]), row[8:12]
    first, last, until, named, manifest, part = row[12:]
    said = Said(repository, tag, bool(pinned), state)
    there = manifest is not None
    return Listed(number, cluster, key, said, first, last, until, named, there, part is not None)


def counts(db: Connection, ranges: Sequence[tuple[str, str]] | None) -> dict[str, int]:
    """How many images each cluster reports, of repositories in `ranges` alone, unless that is None;
    without those that report none.
    """
    rows = db.execute(
        "select cluster, repository, count(*) from workload_image where last_seen is null "
        "group by cluster, repository"
    )
    found: dict[str, int] = {}
    for cluster, repository, count in rows:
        if ranges is None or _within(repository, ranges):
            found[cluster] = found.get(cluster, 0) + count
    return found


def tags_of(db: Connection, repository: str) -> list[str]:
    """All tags of a repository."""
    rows = db.execute(
        "select t.name from repository r join tag t on t.repository = r.id where r.name = ?",
        (repository,),
    )
    return [name for (name,) in rows]
