"""A tag of another registry, as it is to be here. For threads.

A tag that somebody else moved here stays as it is, and is shown as a conflict: when it moved there
nobody can tell. A deletion takes away only what was copied.
"""

import time
from functools import partial

from entrepot.db import replicated
from entrepot.db.replicated import Mark, Moved
from entrepot.db.replication_tags import Item, Outcome, State
from entrepot.oci.names import Repository
from entrepot.upkeep.replication.pace import Paced
from entrepot.upkeep.replication.way import Way, missing, parts_of
from entrepot.upstream.copying import Copier, plan
from entrepot.upstream.place import UnknownError

_NEW = 3600.0


def pull(way: Way, copier: Copier, item: Item) -> Outcome | None:
    """Have it here as it is there; None where neither end has it. Raises `UpstreamError`."""
    there = way.far.repository(way.name_there(item.repository))
    digest = there.look(item.tag)
    moved = _moved(way, item.repository, item.tag)
    if digest is None:
        return _delete(way, item, moved)
    if moved is not None and moved.digest != digest and moved.origin != way.rule.url:
        return _stays(item, moved)
    here = way.mine(item.repository, Mark(way.rule.url, time.time()))
    try:
        found = plan(there, digest or item.tag, referrers=way.rule.referrers)
    except UnknownError:
        return None  # it has gone meanwhile, and the next compare sees that
    copier.copy(missing(found, here), Paced(there, way.pace), here, item.tag)
    return Outcome(State.DONE, str(found.root.digest), parts_of(found))


def differs(way: Way, repository: str, tag: str, known: Item | None, *, deep: bool) -> bool:
    """Whether it is to be copied, as far as can be seen without its blobs. Signatures mostly come
    soon after an image; those that come later are seen by a `deep` look.
    """
    there = way.far.repository(way.name_there(repository))
    digest = there.look(tag)
    if known is None or digest is None:
        return True
    if known.state is State.WAITING:
        return False
    moved = _moved(way, repository, tag)
    if moved is None or moved.digest != digest or known.digest != digest:
        return True
    is_new = known.done_at is not None and time.time() - known.done_at < _NEW
    if not way.rule.referrers or not (deep or is_new):
        return False
    return parts_of(plan(there, digest)) != known.parts


def _moved(way: Way, repository: str, tag: str) -> Moved | None:
    return way.here.local.read(
        partial(replicated.moved, repository=Repository(repository), tag=tag)
    )


def _stays(item: Item, moved: Moved) -> Outcome:
    note = f"{item.repository}:{item.tag} is {moved.digest}, which was put here by somebody else"
    return Outcome(State.CONFLICT, "", "", f"{note}: it stays")


def _delete(way: Way, item: Item, moved: Moved | None) -> Outcome | None:
    if moved is None or not way.rule.deletions:
        return None
    if moved.origin != way.rule.url:
        return _stays(item, moved)
    way.mine(item.repository, Mark(way.rule.url, time.time())).delete_tag(item.tag)
    return None
