"""What runs stays: which manifests and tags of a repository the clusters have, or had of late; and
what is in its channels, or could be gone back to.

Kept is what a workload has by its digest, with the platforms below and the indexes above it; and
the tag that a workload names alone, with what it means now, for whoever starts there next pulls
it. Whatever takes such a thing away asks here first, in the transaction that would do it.
"""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from entrepot.db import trash
from entrepot.db.connection import Connection
from entrepot.db.trash import Item, Kind, Place
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository

MOST_TOLD = 10
"""Workloads that an error lists."""


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """A workload that has an image; in order the one comes first that speaks loudest."""

    past: bool
    """Whether its cluster does not report it any more."""
    waits: bool
    """Whether no pod has it now."""
    cluster: str
    namespace: str
    kind: str
    workload: str
    state: str
    last_seen: float

    @property
    def in_channel(self) -> bool:
        """Whether it is a channel that has it, and no workload."""
        return not self.cluster

    @property
    def way_out(self) -> str:
        """What to do before it can be deleted."""
        return "promote another version" if self.in_channel else "stop it there"

    def __str__(self) -> str:
        if self.in_channel:
            how = "is kept for a rollback of" if self.waits else "is in"
            return f"{how} the channel {self.workload}"
        where = f"{self.cluster}: {self.namespace}/{self.kind}/{self.workload}"
        if self.past:
            day = datetime.fromtimestamp(self.last_seen, UTC).date()
            return f"ran until {day} in {where}"
        words = {"waiting": "is to run again in", "rollback": "is needed for a rollback in"}
        return f"{words.get(self.state, 'runs in')} {where}"


Uses = tuple[Use, ...]


def words(uses: Uses) -> str:
    """The first of them, and how many more there are."""
    others = len({(each.cluster, each.namespace, each.kind, each.workload) for each in uses}) - 1
    return f"{uses[0]}" + (f" and {others} more" if others else "")


class RunsError(OCIError):
    """It runs, and so is not deleted."""

    def __init__(self, what: str, uses: Uses, how: str) -> None:
        self.says = f"{what} {words(uses)}"
        self.way_out = uses[0].way_out
        text = f"{self.says}: {self.way_out} first, or {how}"
        detail = {"runs": [str(each) for each in uses[:MOST_TOLD]]}
        super().__init__(Code.DENIED, text, detail=detail)


@dataclass(frozen=True, slots=True)
class Running:
    """What of a repository is kept, and for whom."""

    tags: Mapping[str, Uses]
    """Those that a workload names alone."""
    digests: Mapping[str, Uses]
    """Manifests that are had, or that those need; also their blobs."""
    here: Uses
    """The uses of all that is in the repository."""

    def of_tag(self, tag: str, digest: str) -> Uses:
        """Who needs a tag, or has what it means."""
        return tuple(sorted({*self.tags.get(tag, ()), *self.digests.get(digest, ())}))

    def of(self, digest: str) -> Uses:
        """Who needs a manifest or blob."""
        return self.digests.get(digest, ())


_USES = (
    "select i.cluster, i.namespace, i.kind, i.workload, i.state, "
    "coalesce(i.last_seen, c.seen_at), i.last_seen is not null, i.digest, i.tag, i.pinned, "
    "t.digest, m.id from workload_image i join cluster c on c.name = i.cluster "
    "left join tag t on t.repository = :number and t.name = i.tag and i.pinned = 0 "
    "left join manifest m on m.repository = :number and m.digest = i.digest "
    "where i.repository = :name and i.repository <> '' and (i.until is null or i.until > :now)"
)

_NEEDED = (
    "with recursive root (digest) as ("
    "select i.digest from workload_image i where i.repository = :name and i.repository <> '' "
    "and i.digest <> '' and (i.until is null or i.until > :now) union "
    "select t.digest from workload_image i join tag t on t.repository = :number and t.name = i.tag "
    "where i.repository = :name and i.repository <> '' and i.pinned = 0 "
    "and (i.until is null or i.until > :now) union "
    "select s.digest from stay s where s.repository = :number and s.kept = 1), "
    "above (root, digest) as (select digest, digest from root union "
    "select a.root, m.digest from above a join edge e on e.repository = :number "
    "and e.child = a.digest join manifest m on m.id = e.manifest), "
    "below (root, digest) as (select digest, digest from root union "
    "select b.root, e.child from below b join manifest m on m.repository = :number "
    "and m.digest = b.digest join edge e on e.manifest = m.id) "
    "select root, digest from above union select root, digest from below"
)


def look(db: Connection, place: Place) -> Running:
    """What is kept in a repository, or in a hidden one that it was deleted into."""
    values = {"number": place[0], "name": place[1].name, "now": time.time()}
    tags, roots, here = defaultdict[str, _Set](set), defaultdict[str, _Set](set), _Set()
    for row in db.execute(_USES, values).fetchall():
        use = _use(row[:7])
        digest, tag, pinned, named, manifest = row[7:]
        if tag and not pinned:
            tags[tag].add(use)
        for root in {digest, named} - {"", None}:
            roots[root].add(use)
        if named is not None or manifest is not None:
            here.add(use)
    for use, digest in _stays(db, place[0]):
        roots[digest].add(use)
        here.add(use)
        if not use.waits:
            tags[use.workload].add(use)
    needed = defaultdict[str, _Set](set)
    for root, digest in db.execute(_NEEDED, values).fetchall() if roots else ():
        needed[digest] |= roots[root]
    return Running(_sorted(tags), _sorted(needed), tuple(sorted(here)))


def _stays(db: Connection, number: int) -> list[tuple[Use, str]]:
    """What channels have and keep; a repository that lies in the trash has none."""
    rows = db.execute(
        "select s.until is not null, s.channel, s.since, s.digest from stay s "
        "join repository r on r.id = s.repository and r.trash is null "
        "where s.repository = ? and s.kept = 1",
        (number,),
    )
    return [
        (Use(False, bool(left), "", "", "Channel", channel, "channel", since), digest)
        for left, channel, since, digest in rows
    ]


def _use(row: tuple[Any, ...]) -> Use:
    cluster, namespace, kind, workload, state, last_seen, past = row
    waits = state != "running"
    return Use(bool(past), waits, cluster, namespace, kind, workload, state, last_seen)


_Set = set[Use]


def _sorted(found: Mapping[str, _Set]) -> dict[str, Uses]:
    return {name: tuple(sorted(uses)) for name, uses in found.items()}


def of(db: Connection, repository: Repository) -> Running:
    """What is kept in a repository."""
    row = db.execute("select id from repository where name = ?", (repository.name,)).fetchone()
    return look(db, (row[0] if row else 0, repository))


def check_tag(db: Connection, place: Place, tag: str, digest: str) -> None:
    """Raise `RunsError` where a tag is needed, or what it means is had."""
    if uses := look(db, place).of_tag(tag, digest):
        how = f"say so: entrepot tag delete {place[1]} {tag} --even-if-running"
        raise RunsError(f"{place[1]}:{tag}", uses, how)


def check_part(db: Connection, place: Place, digest: Digest) -> None:
    """Raise `RunsError` where a manifest or blob is had, or is needed by what is."""
    if uses := look(db, place).of(str(digest)):
        how = "ask for the same address with ?even_if_running=true"
        raise RunsError(f"{place[1]}@{digest}", uses, how)


def check_repository(db: Connection, place: Place) -> None:
    """Raise `RunsError` where something in a repository is had."""
    if uses := look(db, place).here:
        how = f"say so: entrepot repository delete {place[1]} --even-if-running"
        raise RunsError(f"{place[1]}", uses, how)


def check_trash(db: Connection, item: Item) -> None:
    """Raise `RunsError` where something in the trash is had."""
    if uses := in_trash(db, item):
        how = f"say so: entrepot trash purge {item.id} --even-if-running"
        raise RunsError(item.name, uses, how)


def in_trash(db: Connection, item: Item) -> Uses:
    """Who has what lies in the trash and is not in the repository again; a tag holds nothing."""
    place = trash.hidden(db, item)
    if place is None or item.kind is Kind.TAG:
        return ()
    needed = look(db, place).digests
    if not needed:
        return ()
    rows = db.execute(
        "select h.digest from manifest h where h.repository = ? and not exists "
        "(select 1 from repository r join manifest m on m.repository = r.id "
        "and m.digest = h.digest where r.name = ?)",
        (place[0], item.repository.name),
    )
    return tuple(sorted({use for (digest,) in rows for use in needed.get(digest, ())}))
