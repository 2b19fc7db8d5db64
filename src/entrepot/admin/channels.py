"""Channels: which a project or a repository has, what each asks for, and freezes of them."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from pydantic import AwareDatetime, Field

from entrepot.admin.caller import Called, Caller
from entrepot.admin.channel_models import (
    ChannelName,
    Freeze,
    Gates,
    Reason,
    Stay,
    freeze_shown,
    gates_shown,
    stay_shown,
)
from entrepot.admin.page import Model, Page, RepositoryName
from entrepot.admin.problem import Problem
from entrepot.admin.projects import sees, unknown
from entrepot.auth.roles import Action
from entrepot.db import channels, freezes, projects, repositories, scopes, stays
from entrepot.db.channels import Channel as Row
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository
from entrepot.versions.gates import read

router = APIRouter(prefix="/channels", tags=["channels"])

MOST = 20
"""Channels of a project or a repository."""

Scope = Annotated[
    RepositoryName, Query(description="A project, such as team, or a repository, team/app.")
]
Named = Annotated[ChannelName, Query(description="The channel, such as prod.")]


class Channel(Model):
    """A tag that only a promotion moves."""

    name: str
    scope: str
    """Whose it is: the project's or the repository's own."""
    gates: Gates
    frozen: list[Freeze]
    here: Stay | None
    """What is in it; null for a project's, too."""
    kept: list[Stay]
    """What it could go back to, the newest first."""


class Order(Model):
    """The channels, in the order in which versions go through them."""

    channels: Annotated[list[ChannelName], Field(max_length=MOST)]
    """Those that are there already keep their gates; none gives the project's back."""


class Frost(Model):
    """How long a channel is frozen, and why."""

    until: AwareDatetime | None = None
    """Null until it is thawed."""
    reason: Reason = ""


async def may_set(caller: Caller, scope: str) -> None:
    """Raise a problem unless the caller may configure a project or a repository."""
    where = Repository(scope)
    found = await caller.read(partial(projects.find, name=where.project))
    if "/" in scope:
        await caller.allow(Action.CONFIGURE, where)
    else:
        await caller.require(Action.CONFIGURE, f"{scope}/*")
    if found is None:
        raise unknown(where.project)


async def may_see(caller: Caller, scope: str) -> None:
    """Raise a problem unless the caller may know of a project or a repository."""
    if "/" in scope:
        await caller.allow(Action.PULL, Repository(scope))
        return
    found = await caller.read(partial(projects.find, name=scope))
    if found is None or not await sees(caller, found):
        raise unknown(scope)


def _shown(db: Connection, scope: str) -> Page[Channel]:
    where = Repository(scope)
    number = repositories.identify(db, where) or 0
    frozen = freezes.of(db, where)
    return Page(items=[_one(db, number, each, frozen) for each in channels.of(db, where)])


def _one(db: Connection, number: int, channel: Row, frozen: tuple[freezes.Freeze, ...]) -> Channel:
    here = stays.current(db, number, channel.name)
    kept = [each for each in stays.earlier(db, number, channel.name, channel.keep) if each.kept]
    return Channel(
        name=channel.name,
        scope=channel.scope,
        gates=gates_shown(read(channel.gates)),
        frozen=[freeze_shown(each) for each in frozen if each.channel == channel.name],
        here=stay_shown(here) if here else None,
        kept=[stay_shown(each) for each in kept],
    )


@router.get("")
async def index(caller: Called, scope: Scope) -> Page[Channel]:
    """The channels that count for a project or a repository, in their order; what is in each."""
    await may_see(caller, scope)
    return await caller.read(partial(_shown, scope=scope))


@router.put("")
async def put(caller: Called, scope: Scope, wanted: Annotated[Order, Body()]) -> Page[Channel]:
    """Set which channels there are. Tags of their names hold still from then on."""
    await may_set(caller, scope)
    names = wanted.channels
    if len(set(names)) < len(names):
        raise Problem(422, "name each channel once")

    write = partial(channels.put, scope=scope, names=names, by=caller.actor.subject)
    return await _changing(caller, "channel set", scope, write, channels=names)


@router.patch("/gates")
async def gate(
    caller: Called, scope: Scope, channel: Named, wanted: Annotated[Gates, Body()]
) -> Channel:
    """Set what a version must have to come into a channel."""
    await may_set(caller, scope)

    def write(db: Connection) -> None:
        meant = wanted.over(read(_own(db, scope, channel).gates))
        channels.set_gates(db, scope, channel, meant.document())

    said = wanted.model_dump(mode="json", exclude_unset=True)
    page = await _changing(caller, "channel gate", scope, write, channel=channel, **said)
    return next(each for each in page.items if each.name == channel)


async def _changing(
    caller: Caller, what: str, scope: str, write: Callable[[Connection], None], **detail: object
) -> Page[Channel]:
    """Change channels, and have the repositories take that in; how they are then."""

    def both(db: Connection) -> Page[Channel]:
        before = _names(db, scope)
        write(db)
        scopes.adopt_all(db, scope, before | _names(db, scope))
        return _shown(db, scope)

    return await caller.change(what, f"channel:{scope}", both, **detail)


def _names(db: Connection, scope: str) -> frozenset[str]:
    return frozenset(each.name for each in channels.of(db, Repository(scope)))


def _own(db: Connection, scope: str, name: str) -> Row:
    """A channel of exactly this project or repository."""
    found = next((each for each in channels.own(db, scope) if each.name == name), None)
    if found is not None:
        return found
    theirs = [each for each in channels.of(db, Repository(scope)) if each.name == name]
    if theirs:
        how = f"name that, or give {scope} channels of its own: entrepot channel set {scope} …"
        raise Problem(404, f"the channel {name} is of the project {theirs[0].scope}: {how}")
    raise Problem(404, f"{scope} has no channel {name}: entrepot channel list {scope}")


def _check_there(db: Connection, scope: str, name: str) -> None:
    if name not in _names(db, scope):
        _own(db, scope, name)


@router.put("/freeze")
async def freeze(
    caller: Called, scope: Scope, channel: Named, how: Annotated[Frost | None, Body()] = None
) -> Freeze:
    """Let nothing be promoted for a while: into a project's channel, or one repository's."""
    await may_set(caller, scope)
    frost = how or Frost()
    until = frost.until.timestamp() if frost.until else None

    def write(db: Connection) -> freezes.Freeze:
        _check_there(db, scope, channel)
        by = caller.actor.subject
        return freezes.put(db, freezes.Freeze(scope, channel, until, frost.reason, 0, by))

    said = {"channel": channel, **frost.model_dump(mode="json")}
    return freeze_shown(await caller.change("channel freeze", f"channel:{scope}", write, **said))


@router.delete("/freeze", status_code=204)
async def thaw(caller: Called, scope: Scope, channel: Named) -> Response:
    """End a freeze."""
    await may_set(caller, scope)

    def write(db: Connection) -> None:
        if not freezes.remove(db, scope, channel):
            raise Problem(404, f"{scope} {channel} is not frozen")

    await caller.change("channel thaw", f"channel:{scope}", write, channel=channel)
    return Response(status_code=204)
