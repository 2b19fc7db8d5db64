"""Approvals: who says that a version may come into a channel."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from entrepot.admin.caller import Called
from entrepot.admin.channel_models import ChannelName, Reason
from entrepot.admin.page import Model, Page, RepositoryName, moment
from entrepot.admin.promoting import asked, done, promoter
from entrepot.admin.promotions import Version, VersionText, Where
from entrepot.auth.roles import Action
from entrepot.db import approvals
from entrepot.db.audit import Event
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository
from entrepot.versions import approval, promotion
from entrepot.versions.promotion import Wanted

router = APIRouter(prefix="/approvals", tags=["channels"])


class Wish(Model):
    """A version that someone approves."""

    repository: RepositoryName
    version: VersionText
    to: ChannelName
    comment: Reason = ""


class Approval(Model):
    """Someone's word, on a digest: who moves the tag needs another one."""

    digest: str
    to: str
    """The channel."""
    by: str
    comment: str
    at: datetime | None


def _shown(found: approvals.Approval) -> Approval:
    return Approval(
        digest=found.digest,
        to=found.channel,
        by=found.actor,
        comment=found.comment,
        at=moment(found.at),
    )


@router.get("")
async def index(caller: Called, repository: Where, version: Version) -> Page[Approval]:
    """Who approved what a version is now, for each channel, the oldest first."""
    where = Repository(repository)
    await caller.allow(Action.PULL, where)

    def look(db: Connection) -> list[approvals.Approval]:
        place = promotion.find(db, where)
        digest = promotion.version_of(db, place, version).digest
        return approvals.of(db, place[0], digest)

    return Page(items=[_shown(each) for each in await asked(caller, look)])


@router.post("")
async def approve(caller: Called, wish: Annotated[Wish, Body()]) -> Approval:
    """Approve a version. It takes a person with the role that the channel asks for, who has not
    pushed it.
    """
    where = Repository(wish.repository)
    await caller.allow(Action.PULL, where)
    who = await promoter(caller, where)
    wanted = Wanted(where, wish.version, wish.to, wish.comment)
    write = partial(approval.approve, wanted=wanted, who=who, by=caller.by())
    event = Event(approval.APPROVED, caller.by(), where.name, wish.version)
    return _shown(await done(caller, event, write))


@router.delete("", status_code=204)
async def withdraw(
    caller: Called,
    repository: Where,
    version: Version,
    to: Annotated[ChannelName, Query(description="The channel.")],
) -> Response:
    """Take one's own approval back."""
    where = Repository(repository)
    await caller.allow(Action.PULL, where)
    wanted = Wanted(where, version, to)
    write = partial(approval.withdraw, wanted=wanted, by=caller.by())
    await done(caller, Event(approval.WITHDRAWN, caller.by(), where.name, version), write)
    return Response(status_code=204)
