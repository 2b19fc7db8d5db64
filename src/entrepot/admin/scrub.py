"""The scrub: how far it is, a pass at once, and what did not match its digest."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from entrepot.admin.caller import Called
from entrepot.admin.page import Limit, Model, Page, moment
from entrepot.admin.problem import Problem
from entrepot.db import jobs, quarantine
from entrepot.db.connection import Connection
from entrepot.db.jobs import State
from entrepot.upkeep.scrub import JOB

router = APIRouter(prefix="/scrub", tags=["scrub"])


class Scrub(Model):
    """The pass that runs, or the last one."""

    state: State
    asked: bool
    """Whether a pass was asked for that has not begun."""
    bytes: int
    """Read so far."""
    total: int | None
    note: str
    error: str
    """Why it stopped; it is tried again."""
    began_at: datetime | None
    ended_at: datetime | None
    next_at: datetime | None
    damaged: int
    """What is in quarantine, and was not pushed again."""


class Quarantined(Model):
    """Something that did not match its digest."""

    id: int
    kind: quarantine.Kind
    digest: str
    size: int
    why: str
    repositories: list[str]
    """Some of those that have it, where there are many."""
    objects: list[str]
    """Names of what lies aside in the store."""
    found_at: datetime | None
    until: datetime | None
    """When the bytes go."""
    healed: bool
    """Whether the digest has been pushed again since, or is needed no more."""


@router.get("")
async def status(caller: Called) -> Scrub:
    """How far the scrub is, and what is damaged."""
    return await caller.registry.database.scan(_status)


def _status(db: Connection) -> Scrub:
    found = jobs.find(db, JOB)
    if found is None:
        raise Problem(503, "the server has just begun, and does not scrub yet: try again")
    return Scrub(
        state=found.state,
        asked=found.asked,
        bytes=found.progress.done,
        total=found.progress.total,
        note=found.progress.note,
        error=found.progress.error,
        began_at=moment(found.started_at),
        ended_at=moment(found.ended_at),
        next_at=moment(found.next_at),
        damaged=quarantine.damaged(db),
    )


@router.post("")
async def run(caller: Called) -> Scrub:
    """Have a pass begin now, or once more if one is under way."""

    def ask(db: Connection) -> Scrub:
        jobs.ask(db, JOB)
        return _status(db)

    return await caller.change("scrub run", "", ask)


@router.get("/quarantine")
async def index(
    caller: Called,
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    limit: Limit = 100,
) -> Page[Quarantined]:
    """What did not match its digest, the newest first."""
    listed = partial(quarantine.listed, before=after, limit=limit + 1)
    found = await caller.registry.database.scan(listed)
    items = [
        Quarantined(
            id=each.id,
            kind=each.kind,
            digest=each.digest,
            size=each.size,
            why=each.why,
            repositories=each.repositories,
            objects=each.objects,
            found_at=moment(each.found_at),
            until=moment(each.until),
            healed=each.healed,
        )
        for each in found[:limit]
    ]
    more = len(found) > limit
    return Page(items=items, next=str(items[-1].id) if more else None)
