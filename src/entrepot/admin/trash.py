"""The trash: what was deleted, brought back or purged. Whoever may delete may take it back."""

import time
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import EvenIfRunning, Limit, Model, Page, RepositoryName, moment
from entrepot.admin.problem import Problem
from entrepot.auth.roles import Action
from entrepot.db import audit, running, trash, upstreams
from entrepot.db.audit import Event
from entrepot.db.connection import Connection
from entrepot.db.restore import Restored as Result
from entrepot.db.restore import restore as bring_back
from entrepot.db.trash import Item
from entrepot.oci.names import Repository
from entrepot.upkeep.purge import purge_one
from entrepot.versions import floating

router = APIRouter(prefix="/trash", tags=["trash"])

_MOST = 2000
"""Items that are looked at for one page."""

Number = Annotated[int, Path(ge=0, le=2**62)]


class Trashed(Model):
    """Something in the trash."""

    id: int
    repository: str
    kind: trash.Kind
    reference: str
    """The tag or digest; "" for a repository."""
    digest: str
    manifests: int
    """How many it brings back by itself; with what those need it may be more."""
    tags: list[str]
    """The first of them."""
    tag_count: int
    size: int
    """Bytes of manifests and blobs; other images may need the same blobs."""
    deleted_at: datetime | None
    deleted_by: str
    why: str
    """Which rule took it; "" where somebody deleted it."""
    until: datetime | None
    """When it is purged."""


class Kept(Model):
    """A tag that points elsewhere by now, or is a channel, and was left as it is."""

    tag: str
    here: str
    """The digest that it points to; "" where there is none."""
    trashed: str
    """The digest that it pointed to."""


class Restored(Model):
    """What came back."""

    repository: str
    manifests: int
    tags: int
    kept: list[Kept]
    lost: list[str]
    """Tags whose manifest was purged."""


class How(Model):
    """What to do where things have moved on."""

    move: bool = False
    """Point tags to what they pointed to, though they point elsewhere by now."""


class Deleted(Model):
    """What became of something that was deleted just now."""

    trash: int
    """Its number in the trash."""
    until: datetime | None
    """Until when it can be restored; null for not at all."""


def deleted(caller: Caller, number: int) -> Deleted:
    """Tell where in the trash it lies."""
    seconds = caller.registry.terms.trash
    return Deleted(trash=number, until=moment(time.time() + seconds) if seconds else None)


def shown(db: Connection, item: Item) -> Trashed:
    """An item as the API shows it; reads all that is in it."""
    inside = trash.contents(db, item)
    return Trashed(
        id=item.id,
        repository=item.repository.name,
        kind=item.kind,
        reference=item.reference,
        digest=item.digest,
        manifests=inside.manifests,
        tags=list(inside.tags),
        tag_count=inside.tag_count,
        size=inside.size,
        deleted_at=moment(item.deleted_at),
        deleted_by=item.deleted_by,
        why=item.why,
        until=moment(item.until),
    )


async def _sees(caller: Caller, item: Item) -> bool:
    """Whether they may delete there, though the project may be read-only now."""
    if await caller.holds(Action.AUDIT):
        return True
    where = item.repository
    return await caller.holds(Action.DELETE, where.name) and await caller.may(Action.PULL, where)


def _unknown(number: int) -> Problem:
    return Problem(404, f"there is nothing {number} in the trash, or you may not see it")


async def _find(caller: Caller, number: int) -> Item:
    """An item of a repository that the caller may know of."""
    item = await caller.registry.database.read(partial(trash.find, number=number))
    if item is None or not (
        await caller.holds(Action.AUDIT)
        or await caller.registry.guard.directory.sees(caller.actor, item.repository)
    ):
        raise _unknown(number)
    return item


@router.get("")
async def index(
    caller: Called,
    repository: Annotated[RepositoryName | None, Query(description="Only of this one.")] = None,
    after: Annotated[
        int | None, Query(ge=0, le=2**62, description="Go on behind this one.")
    ] = None,
    limit: Limit = 100,
) -> Page[Trashed]:
    """What was deleted from where one may delete, the newest first. A page may be short, or empty,
    before the last one.
    """
    read = caller.registry.database.read
    name = Repository(repository) if repository else None
    before = 2**62 if after is None else after
    found = await read(partial(trash.listed, repository=name, before=before, limit=_MOST))
    seen = [item for item in found if await _sees(caller, item)][:limit]

    def describe(db: Connection) -> list[Trashed]:
        return [shown(db, item) for item in seen]

    items = await caller.registry.database.scan(describe)
    last = seen[-1].id if len(seen) == limit else (found[-1].id if len(found) == _MOST else None)
    return Page(items=items, next=None if last is None else str(last))


@router.get("/{number}")
async def show(caller: Called, number: Number) -> Trashed:
    """Something in the trash."""
    item = await _find(caller, number)
    if not await _sees(caller, item):
        await caller.allow(Action.DELETE, item.repository, known=True)
    return await caller.registry.database.scan(partial(shown, item=item))


@router.post("/{number}/restore")
async def restore(
    caller: Called, number: Number, how: Annotated[How | None, Body()] = None
) -> Restored:
    """Bring something back, with the tags, platforms and referrers that it needs."""
    item = await _find(caller, number)
    await caller.allow(Action.DELETE, item.repository, known=True)
    move = how is not None and how.move
    if move:
        await caller.allow(Action.MOVE, item.repository, known=True)

    def write(db: Connection) -> Result:
        found = trash.find(db, number)
        if found is None:  # someone was faster
            raise _unknown(number)
        fetches = upstreams.stands(db, item.repository.project)
        sparse, by = caller.registry.sparse or fetches, caller.by()
        act = partial(bring_back, item=found, move=move, sparse=sparse, by=by)
        return floating.keeping(db, item.repository, act, by=by)

    result = await caller.registry.database.write(write, large=True)
    return Restored(
        repository=item.repository.name,
        manifests=result.manifests,
        tags=result.tags,
        kept=[Kept(tag=each.tag, here=each.here, trashed=each.trashed) for each in result.kept],
        lost=result.lost,
    )


@router.delete("/{number}", status_code=204)
async def purge(caller: Called, number: Number, even_if_running: EvenIfRunning = False) -> Response:
    """Delete something for good. It takes an owner of the project, and cannot be undone."""
    item = await _find(caller, number)
    await caller.allow(Action.DELETE, item.repository, known=True)
    await caller.require(Action.GRANT, item.repository.name)

    def end(db: Connection) -> Item:
        found = trash.find(db, number)
        if found is None:
            raise _unknown(number)
        if not even_if_running:
            running.check_trash(db, found)
        name = item.repository.name
        event = Event("trash purge", caller.by(), name, item.reference, item.digest)
        audit.append(db, event)
        return trash.end(db, found)

    ended = await caller.registry.database.write(end)
    await purge_one(caller.registry.database, ended)
    return Response(status_code=204)
