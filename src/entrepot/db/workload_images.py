"""Images of workloads as they are listed: whose they are, and how they stand with the registry."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.db.connection import Connection
from entrepot.db.inventory import Key, Said


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
