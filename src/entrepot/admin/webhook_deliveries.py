"""What webhooks were sent, and are to be: looked at, sent again, tried."""

import secrets
import time
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import Field

from entrepot.admin.caller import Called
from entrepot.admin.page import Limit, Model, Page, moment
from entrepot.admin.problem import Problem
from entrepot.admin.webhooks import Number, managed, opened, seen
from entrepot.db import deliveries, jobs
from entrepot.db.connection import Connection
from entrepot.db.deliveries import Delivery as Row
from entrepot.db.deliveries import State
from entrepot.upkeep.webhooks import attempt
from entrepot.upkeep.webhooks.event import PING, Event
from entrepot.upkeep.webhooks.sender import JOB

router = APIRouter(prefix="/webhooks", tags=["webhooks"])


class Delivery(Model):
    """What a webhook was sent, or is to be, for a change."""

    id: int
    change: int
    """The number of the change: the id of the message."""
    repository: str
    state: State
    attempts: int
    created_at: datetime | None
    failed_at: datetime | None
    """The first time that it failed."""
    ended_at: datetime | None
    status: int | None
    """What the receiver answered last; nothing else of its answer is kept."""
    error: str
    seconds: float | None
    """How long the last attempt took."""


class Again(Model):
    """What to send again."""

    deliveries: Annotated[list[Annotated[int, Field(ge=1, le=2**62)]], Field(max_length=1000)] = (
        Field(default_factory=list)
    )
    dead: bool = False
    """All that failed for good, 10,000 at most."""


class Replayed(Model):
    """How many are sent again."""

    replayed: int


class Tried(Model):
    """What came of a ping."""

    delivered: bool
    status: int | None
    seconds: float
    error: str


def _shown(row: Row) -> Delivery:
    return Delivery(
        id=row.id,
        change=row.change,
        repository=row.repository,
        state=row.state,
        attempts=row.attempts,
        created_at=moment(row.created_at),
        failed_at=moment(row.failed_at),
        ended_at=moment(row.ended_at),
        status=row.status,
        error=row.error,
        seconds=row.took,
    )


@router.get("/{webhook}/deliveries")
async def index(
    caller: Called,
    webhook: Number,
    state: State | None = None,
    after: Annotated[
        int | None, Query(ge=1, le=2**62, description="Go on behind this one.")
    ] = None,
    limit: Limit = 100,
) -> Page[Delivery]:
    """A webhook's deliveries, the newest first."""
    may = await caller.powers()

    def read(db: Connection) -> list[Row]:
        seen(db, may, webhook)
        return deliveries.page(db, webhook, state, after, limit + 1)

    found = await caller.registry.database.scan(read)
    items = [_shown(row) for row in found[:limit]]
    return Page(items=items, next=str(items[-1].id) if len(found) > limit else None)


@router.post("/{webhook}/replay")
async def replay(caller: Called, webhook: Number, wanted: Annotated[Again, Body()]) -> Replayed:
    """Send again, in the order of the log, before what waits already."""
    if bool(wanted.deliveries) == wanted.dead:
        raise Problem(422, "say which deliveries, or dead: true")
    may = await caller.powers()

    def write(db: Connection) -> int:
        managed(db, caller, may, webhook)
        jobs.ask(db, JOB)
        return deliveries.replay(db, webhook, None if wanted.dead else wanted.deliveries)

    words = {"dead": True} if wanted.dead else {"deliveries": len(wanted.deliveries)}
    count = await caller.change("webhook replay", f"webhook:{webhook}", write, **words)
    return Replayed(replayed=count)


@router.post("/{webhook}/test")
async def probe(caller: Called, webhook: Number) -> Tried:
    """Send a ping at once, and say what came of it."""
    may, now = await caller.powers(), time.time()
    hook = await caller.read(partial(opened, caller=caller, may=may, number=webhook))
    who, ping = caller.actor.subject, f"ping-{secrets.token_hex(8)}"
    event = Event(ping, now, PING, "", "", None, None, who, "")
    registry = caller.registry
    outcome = await attempt.send(registry.outbound, hook, event, registry.public_url, now)
    return Tried(
        delivered=not outcome.error,
        status=outcome.status,
        seconds=round(outcome.took, 3),
        error=outcome.error,
    )
