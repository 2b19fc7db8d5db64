"""A tag of another registry, as it is to be here. For threads.

Where the other one is an Entrepot that says when its tags moved, the later move holds, as where it
is pushed (`db.replicated`). Else nobody can tell, so a tag that somebody else moved here stays as
it is, and is shown as a conflict; and a deletion takes away only what was copied.
"""

import time
from collections.abc import Callable
from functools import partial

from entrepot.db import replicated
from entrepot.db.replicated import Mark, Moved
from entrepot.db.replication_tags import Item, Outcome, State
from entrepot.oci.names import Repository
from entrepot.upkeep.replication.pace import Paced
from entrepot.upkeep.replication.way import Way, parts_of
from entrepot.upstream.copying import Copier, plan
from entrepot.upstream.place import UnknownError

_NEW = 3600.0


def pull(way: Way, copier: Copier, item: Item) -> Outcome | None:
    """Have it here as it is there; None where neither end has it. Raises `UpstreamError`."""
    name = way.name_there(item.repository)
    there = way.theirs(item.repository, way.seen(item.repository))
    told = way.far.stands(name, item.tag)
    digest, at = (told.digest, told.at) if told else (there.look(item.tag), None)
    moved = way.moved(item.repository, item.tag)
    if digest is None:
        return _delete(way, item, moved, at)
    if at is None and _is_foreign(way, moved) and moved and moved.digest != digest:
        return _stays(item, moved)
    mark = _mark(way, item, at)
    here = way.mine(item.repository, mark)
    if newer := _newer(way, item, digest, mark(item.tag)):
        return _later(item, newer)
    try:
        found = plan(there, digest or item.tag, referrers=way.rule.referrers)
    except UnknownError:
        return None  # it has gone meanwhile, and the next compare sees that
    with way.places.held(sum(x.size for x in found.blobs if not here.has_blob(x))) as light:
        copier.copy(found, Paced(there, way.pace), here, item.tag, light=light)
    if kept := here.kept.get(item.tag):
        return _later(item, kept)
    return Outcome(State.DONE, str(found.root.digest), parts_of(found))


def differs(
    way: Way,
    repository: str,
    tag: str,
    known: Item | None,
    *,
    seen: frozenset[str],
    deep: bool,
    damaged: bool = False,
) -> bool:
    """Whether it is to be copied, as far as can be seen without its blobs. Signatures mostly come
    soon after an image; those that come later are seen by a `deep` look. What waits, or is new, is
    looked at when it is copied. Where something here is `damaged`, it is looked whether that is of
    this image.
    """
    if known is None or known.state is State.WAITING:
        return known is None
    there, moved = way.theirs(repository, seen), way.moved(repository, tag)
    digest = there.look(tag)
    if moved is None or digest is None or moved.digest != digest or known.digest != digest:
        return True
    if damaged and _is_damaged(way, repository, digest):
        return True
    is_new = known.done_at is not None and time.time() - known.done_at < _NEW
    if not way.rule.referrers or not (deep or is_new):
        return False
    return parts_of(plan(there, digest)) != known.parts


def _is_damaged(way: Way, repository: str, digest: str) -> bool:
    here = way.mine(repository)
    try:
        found = plan(here, digest, referrers=way.rule.referrers)
    except UnknownError:
        return True
    return not all(map(here.has_blob, found.blobs))


def _is_foreign(way: Way, moved: Moved | None) -> bool:
    return moved is not None and moved.origin != way.rule.url


def _mark(way: Way, item: Item, at: float | None) -> Callable[[str], Mark]:
    """Says when each tag moved there: now, where nobody can tell."""

    def mark(tag: str) -> Mark:
        when = at
        if at is not None and tag != item.tag:
            told = way.far.stands(way.name_there(item.repository), tag)
            when = told.at if told and told.at is not None else at
        counts = way.rule.deletions and when is not None
        return Mark(way.rule.url, min(when or time.time(), time.time()), counts)

    return mark


def _newer(way: Way, item: Item, digest: str | None, mark: Mark) -> str:
    return way.here.local.read(
        partial(
            replicated.holds,
            repository=Repository(item.repository),
            tag=item.tag,
            digest=digest,
            mark=mark,
        )
    )


def _later(item: Item, kept: str) -> Outcome:
    note = f"{item.repository}:{item.tag} moved later here: it is {kept}"
    return Outcome(State.CONFLICT, "", "", note)


def _stays(item: Item, moved: Moved) -> Outcome:
    note = f"{item.repository}:{item.tag} is {moved.digest}, which was put here by somebody else"
    return Outcome(State.CONFLICT, "", "", f"{note}: it stays")


def _delete(way: Way, item: Item, moved: Moved | None, at: float | None) -> Outcome | None:
    if moved is None or not way.rule.deletions:
        return None
    if at is None and _is_foreign(way, moved):
        return _stays(item, moved)
    here = way.mine(item.repository, _mark(way, item, at))
    here.delete_tag(item.tag)
    kept = here.kept.get(item.tag)
    return _later(item, kept) if kept else None
