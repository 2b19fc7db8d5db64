"""A tag of ours, as it is to be in the other registry. For threads.

Of two moves of a tag the later one holds, where the other registry is an Entrepot: it keeps what is
newer, and says so (`db.replicated`). Any other registry is made to be as this one is. A deletion
takes away only what was copied, and at an Entrepot what it was moved to before that.
"""

from functools import partial

from entrepot.db import blobs, replicated, replication_tags
from entrepot.db.connection import Connection
from entrepot.db.replicated import Moved
from entrepot.db.replication_tags import Item, Outcome, State
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository
from entrepot.upkeep.replication.pace import Paced
from entrepot.upkeep.replication.way import Way, missing, parts_of
from entrepot.upstream.copying import Copier, Plan, plan
from entrepot.upstream.place import UnknownError
from entrepot.upstream.registry import RegistryRepository

_SIBLINGS = 5


def push(way: Way, copier: Copier, item: Item) -> Outcome | None:
    """Have it there as it is here; None where neither end has it. Raises `UpstreamError`."""
    moved = way.moved(item.repository, item.tag)
    if moved is None:
        return _delete(way, item)
    found = _planned(way, item, moved)
    there = _repository(way, item, moved.at)
    digest, before = moved.digest, there.look(item.tag)
    left = missing(found, there, before)
    names = {tag: each for tag, each in left.names.items() if there.look(tag) != str(each.digest)}
    if before == digest and not left.manifests and not names:
        return Outcome(State.DONE, digest, parts_of(found), item.error)
    source = Paced(way.mine(item.repository), way.pace)
    lacking = Plan(found.root, left.manifests, names)
    with way.places.held(lacking.size) as light:
        copier.copy(lacking, source, there, item.tag, lacks=True, light=light)
    if kept := there.kept.get(item.tag):
        return Outcome(State.CONFLICT, "", "", f"{there}:{item.tag} moved later: it is {kept}")
    foreign = before and before not in (digest, item.digest)
    note = f"it replaced {before}, which was put there by somebody else" if foreign else ""
    return Outcome(State.DONE, digest, parts_of(found), note if item.digest else "")


def differs(way: Way, repository: str, tag: str, known: Item | None) -> bool:
    """Whether it is to be copied, as far as can be seen without its blobs."""
    item = known or _unknown(way, repository, tag)
    moved = way.moved(repository, tag)
    if moved is None:
        return known is not None
    if known is None or known.state is not State.DONE or known.digest != moved.digest:
        return known is None or known.state is not State.WAITING
    found = _planned(way, item, moved)
    there = _repository(way, item, moved.at)
    return (
        parts_of(found) != known.parts
        or there.look(tag) != moved.digest
        or bool(missing(found, there, moved.digest).manifests)
    )


def _unknown(way: Way, repository: str, tag: str) -> Item:
    return Item(
        way.rule.name, repository, tag, State.WAITING, False, 0, "", "", None, None, 0, "", None
    )


def _planned(way: Way, item: Item, moved: Moved) -> Plan:
    here = way.mine(item.repository)
    return plan(here, moved.digest, referrers=way.rule.referrers)


def _repository(way: Way, item: Item, at: float) -> RegistryRepository:
    """The repository there, told when each tag moved; what is no more went when the item's did."""
    deletions = " deletions" if way.rule.deletions else ""

    def mark(tag: str) -> dict[str, str]:
        if not tag:
            return {}
        moved = None if tag == item.tag else way.moved(item.repository, tag)
        return {
            "entrepot-replicated": f"{way.here.origin} {moved.at if moved else at:.6f}{deletions}",
            "entrepot-reason": way.reason,
        }

    return way.far.written(
        way.name_there(item.repository),
        mark,
        partial(_siblings, way, item.repository),
    )


def _siblings(way: Way, repository: str, digest: Digest) -> list[Repository]:
    """Where else it was copied to, by what is known here."""

    def query(db: Connection) -> list[str]:
        names = [each.name for each in blobs.linked(db, digest, _SIBLINGS)]
        return [name for name in names if replication_tags.is_copied(db, way.rule.name, name)]

    return [way.name_there(name) for name in way.here.local.read(query) if name != repository]


def _delete(way: Way, item: Item) -> Outcome | None:
    if not way.rule.deletions or not item.digest:
        return None
    find = partial(replicated.went, repository=Repository(item.repository), tag=item.tag)
    went = way.here.local.read(find) or 0.0
    there = _repository(way, item, went)
    try:
        found = there.look(item.tag)
        if found is None:
            return None
        if found != item.digest and not _is_later(way, item, went):
            note = f"{there}:{item.tag} is {found}, which was not copied from here: it stays"
            return Outcome(State.CONFLICT, item.digest, "", note)
        there.delete_tag(item.tag)
    except UnknownError:
        return None
    if kept := there.kept.get(item.tag):
        return Outcome(State.CONFLICT, "", "", f"{there}:{item.tag} moved later: it is {kept}")
    return None


def _is_later(way: Way, item: Item, went: float) -> bool:
    """Whether the other end says that its tag moved before ours went; it looks again as it goes."""
    says = way.far.says(way.name_there(item.repository), item.tag)
    return says is not None and says.at is not None and says.at < went
