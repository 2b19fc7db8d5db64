"""Promotions: a version comes into a channel, or stands before it; a channel goes back."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import Field

from entrepot.admin.caller import Called
from entrepot.admin.channel_models import ChannelName, Reason, Stay, stay_shown
from entrepot.admin.page import Limit, Model, Page, RepositoryName
from entrepot.admin.promoting import Check, asked, check_shown, done, promoter, seen
from entrepot.auth.roles import Action
from entrepot.db import stays
from entrepot.db.audit import Event
from entrepot.db.changes import Kind
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository
from entrepot.versions import promotion, rollback
from entrepot.versions.promotion import Wanted
from entrepot.versions.rollback import Back

router = APIRouter(prefix="/promotions", tags=["channels"])

VersionText = Annotated[str, Field(min_length=1, max_length=256)]
Where = Annotated[RepositoryName, Query(description="The repository, such as team/app.")]
Version = Annotated[
    VersionText, Query(description="A tag, a digest, or a channel for what is in that.")
]
Expected = Annotated[str, Field(max_length=256)] | None


class Promotion(Model):
    """A version that is to come into a channel."""

    repository: RepositoryName
    version: VersionText
    """A tag, a digest, or a channel for what is in that."""
    to: ChannelName
    reason: Reason = ""
    expected: Expected = None
    """The digest that the channel must still have, "" for none: else nothing moves, and the answer
    is 409. Null for what is there when the request comes.
    """


class Promoted(Model):
    """What is in the channel now, and what was before."""

    repository: str
    moved: bool
    """False where it was there already."""
    here: Stay
    before: Stay | None


class Prospect(Model):
    """How a version stands before a channel."""

    repository: str
    version: str
    digest: str
    to: str
    here: Stay | None
    """What is in the channel now."""
    passed: bool
    """Whether it could be promoted now, by the caller."""
    checks: list[Check]


class Rollback(Model):
    """A channel that is to go back."""

    repository: RepositoryName
    channel: ChannelName
    to: Annotated[str, Field(max_length=256)] = ""
    """A version that was in it; "" for the last good one."""
    reason: Reason = ""
    expected: Expected = None
    """As of a promotion."""


class RolledBack(Model):
    """What is in the channel now, and what was, which is marked as bad."""

    repository: str
    here: Stay
    left: Stay


@router.get("")
async def index(
    caller: Called,
    repository: Where,
    channel: Annotated[ChannelName | None, Query(description="Only into this one.")] = None,
    after: Annotated[
        int | None, Query(ge=0, le=2**62, description="Go on behind this one.")
    ] = None,
    limit: Limit = 100,
) -> Page[Stay]:
    """What was in the channels, and is, the newest first."""
    where = Repository(repository)
    await caller.allow(Action.PULL, where)

    def look(db: Connection) -> list[stays.Stay]:
        number, _ = promotion.find(db, where)
        before = 2**62 if after is None else after
        return stays.listed(db, number, channel, before, limit + 1)

    found = await asked(caller, look)
    more = str(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[stay_shown(each) for each in found[:limit]], next=more)


@router.get("/plan")
async def plan(
    caller: Called,
    repository: Where,
    version: Version,
    to: Annotated[ChannelName, Query(description="The channel.")],
) -> Prospect:
    """How a version stands at each gate of a channel; changes nothing."""
    where = Repository(repository)
    await caller.allow(Action.PULL, where)
    by = await promoter(caller, where)
    wanted = Wanted(where, version, to)
    found = await asked(caller, partial(promotion.look, wanted=wanted, by=by), large=True)
    return Prospect(
        repository=repository,
        version=found.candidate.version,
        digest=found.candidate.digest,
        to=to,
        here=stay_shown(found.occupant) if found.occupant else None,
        passed=all(each.passed for each in found.checks),
        checks=[check_shown(each) for each in found.checks],
    )


@router.post("")
async def promote(caller: Called, wanted: Annotated[Promotion, Body()]) -> Promoted:
    """Promote a version. Where gates refuse it says all of what is missing, and how to get it."""
    where = Repository(wanted.repository)
    await caller.allow(Action.PUSH, where)
    by = await promoter(caller, where)
    there = await seen(caller, where, wanted.to, wanted.expected)
    meant = Wanted(where, wanted.version, wanted.to, wanted.reason, there)
    write = partial(promotion.promote, wanted=meant, promoter=by, by=caller.by())
    detail = {"version": wanted.version}
    event = Event(Kind.PROMOTED, caller.by(), where.name, wanted.to, detail=detail)
    found = await done(caller, event, write, large=True)  # it may have signatures to verify
    return Promoted(
        repository=where.name,
        moved=found.moved,
        here=stay_shown(found.stay),
        before=stay_shown(found.before) if found.before else None,
    )


@router.post("/rollback")
async def roll_back(caller: Called, wanted: Annotated[Rollback, Body()]) -> RolledBack:
    """Go back to the last good version, and mark the one that is left as bad."""
    where = Repository(wanted.repository)
    await caller.allow(Action.PUSH, where)
    by = await promoter(caller, where)
    there = await seen(caller, where, wanted.channel, wanted.expected)
    meant = Back(where, wanted.channel, wanted.to, wanted.reason, there)
    write = partial(rollback.roll_back, wanted=meant, promoter=by, by=caller.by())
    event = Event(Kind.ROLLED_BACK, caller.by(), where.name, wanted.channel)
    found = await done(caller, event, write)
    return RolledBack(
        repository=where.name, here=stay_shown(found.stay), left=stay_shown(found.left)
    )
