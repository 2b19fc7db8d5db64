"""Robots: accounts of CI systems and clusters, over the API. Next: `robot_secrets`."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Response
from pydantic import Field

from entrepot.admin import grants
from entrepot.admin.caller import Called, Caller
from entrepot.admin.credentials import Life
from entrepot.admin.page import (
    After,
    Allowance,
    IfMatch,
    Limit,
    Model,
    Name,
    Page,
    Text,
    check_match,
    paged,
    tagged,
)
from entrepot.admin.problem import Problem
from entrepot.admin.robot import Furnished, Robot, furnish, managed, seen, sees, shown
from entrepot.auth.roles import Action
from entrepot.db import accounts
from entrepot.db import grants as given
from entrepot.db.accounts import Account, Kind
from entrepot.db.connection import Connection

router = APIRouter(prefix="/robots", tags=["robots"])

_PAGE = 200


class NewRobot(Model):
    """A robot to be made."""

    name: Name
    description: Text = ""
    grants: Annotated[list[Allowance], Field(max_length=100)] = Field(default_factory=list)
    """Who is no admin gives at least one, on what they own."""
    expires: Life | None = None
    """Seconds that its secret is good; null for ever."""


class RobotChange(Model):
    """What is not given stays as it is."""

    description: Text | None = None
    disabled: bool | None = None


@router.get("")
async def index(caller: Called, after: After = "", limit: Limit = 100) -> Page[Robot]:
    """Robots by name, those that the caller may see."""
    found: list[Account] = []
    last = after
    while len(found) <= limit:
        page, mine = await caller.read(partial(_page, caller=caller, after=last))
        if not page:
            break
        last = page[-1].name
        found += mine
    items = await caller.read(lambda db: [shown(db, each) for each in found[: limit + 1]])
    return Page.model_validate(paged(items, limit, "name"))


def _page(db: Connection, caller: Caller, after: str) -> tuple[list[Account], list[Account]]:
    """The next robots, and those of them that the caller may see."""
    page = accounts.listed(db, Kind.ROBOT, after, _PAGE)
    return page, [each for each in page if sees(db, caller, each)]


@router.post("", status_code=201)
async def create(caller: Called, wanted: Annotated[NewRobot, Body()]) -> Furnished:
    """Make a robot with its grants and its first secret."""
    for each in wanted.grants:
        await grants.check_giving(caller, each.role, each.pattern)
    if not wanted.grants:
        await caller.require(Action.ADMINISTER)

    def write(db: Connection) -> Furnished:
        if accounts.find(db, Kind.ROBOT, wanted.name):
            raise Problem(409, f"the name {wanted.name} is taken: choose another one")
        by = caller.actor.subject
        made = accounts.create(db, Kind.ROBOT, wanted.name, by, description=wanted.description)
        for each in wanted.grants:
            given.add(db, made.subject, each.role, each.pattern, by)
        return furnish(db, made, wanted.expires)

    words = [f"{each.role} on {each.pattern}" for each in wanted.grants]
    return await caller.change("robot create", f"robot:{wanted.name}", write, grants=words)


@router.get("/{name}")
async def show(caller: Called, name: str, response: Response) -> Robot:
    """A robot with its grants, and what is known of its secrets."""
    return tagged(response, await caller.read(lambda db: shown(db, seen(db, caller, name))))


@router.patch("/{name}")
async def update(
    caller: Called,
    name: str,
    wanted: Annotated[RobotChange, Body()],
    response: Response,
    if_match: IfMatch = None,
) -> Robot:
    """Describe, disable or enable a robot."""

    def write(db: Connection) -> Robot:
        robot = managed(db, caller, name)
        check_match(if_match, shown(db, robot))
        if wanted.description is not None:
            accounts.describe(db, robot.id, wanted.description, robot.email)
        if wanted.disabled is not None:
            accounts.set_disabled(db, robot.id, wanted.disabled)
        return shown(db, managed(db, caller, name))

    words = wanted.model_dump(exclude_none=True)
    return tagged(response, await caller.change("robot change", f"robot:{name}", write, **words))


@router.delete("/{name}", status_code=204)
async def delete(caller: Called, name: str, if_match: IfMatch = None) -> Response:
    """Delete a robot with its secrets and grants."""

    def write(db: Connection) -> None:
        robot = managed(db, caller, name)
        check_match(if_match, shown(db, robot))
        accounts.remove(db, robot)

    await caller.change("robot delete", f"robot:{name}", write)
    return Response(status_code=204)
