"""Robots: accounts of CI systems and clusters. Whoever owns all that a robot may touch manages it.

A robot that one may not manage looks like one that is not there (CVE-2022-31667). Next:
`robot_secrets`.
"""

import sqlite3
import time
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Response
from pydantic import Field

from entrepot.admin import credentials, grants
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
    moment,
    paged,
    tagged,
)
from entrepot.admin.problem import Problem
from entrepot.auth.actor import Actor
from entrepot.auth.decision import holds
from entrepot.auth.roles import SYSTEM, Action, Role
from entrepot.db import accounts, secrets
from entrepot.db import grants as given
from entrepot.db.accounts import Account, Kind

router = APIRouter(prefix="/robots", tags=["robots"])

_PAGE = 200


class Secret(Model):
    """What is known of a robot's secret; itself it was shown once."""

    id: int
    created_at: datetime | None
    expires_at: datetime | None
    used_at: datetime | None


class Robot(Model):
    """A robot as shown."""

    name: str
    username: str
    """What to give to docker login as the name; the secret alone says who comes."""
    description: str
    disabled: bool
    grants: list[grants.Grant]
    secrets: list[Secret]
    created_at: datetime | None
    created_by: str
    seen_at: datetime | None
    """When it was here last."""


class Furnished(Robot):
    """A robot with its new secret, shown this once."""

    secret: str
    expires_at: datetime | None


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


def shown(db: sqlite3.Connection, robot: Account) -> Robot:
    """A robot as the API shows it."""
    return Robot(
        name=robot.name,
        username=f"robot/{robot.name}",
        description=robot.description,
        disabled=robot.disabled,
        grants=[grants.shown(each) for each in given.of_subjects(db, [robot.subject])],
        secrets=[_secret(each) for each in secrets.of_account(db, robot.id, secrets.Kind.ROBOT)],
        created_at=moment(robot.created_at),
        created_by=robot.created_by,
        seen_at=moment(robot.seen_at),
    )


def _secret(secret: secrets.Secret) -> Secret:
    return Secret(
        id=secret.id,
        created_at=moment(secret.created_at),
        expires_at=moment(secret.expires_at),
        used_at=moment(secret.used_at),
    )


def _manages(db: sqlite3.Connection, actor: Actor, robot: Account) -> bool:
    """Whether they could give all that the robot has: so its secret lets them do nothing new."""
    own = given.of_subjects(db, actor.subjects)
    found = given.of_subjects(db, [robot.subject])
    return holds(actor, Action.ADMINISTER, own) or (
        bool(found)
        and all(
            Role(each.role) not in SYSTEM and holds(actor, Action.GRANT, own, each.pattern)
            for each in found
        )
    )


def _sees(db: sqlite3.Connection, caller: Caller, robot: Account) -> bool:
    return caller.holds(Action.AUDIT) or _manages(db, caller.actor, robot)


def _seen(db: sqlite3.Connection, caller: Caller, name: str) -> Account:
    found = accounts.find(db, Kind.ROBOT, name)
    if found is None or not _sees(db, caller, found):
        raise Problem(404, f"there is no robot {name[:128]!r}, or you may not see it")
    return found


def managed(db: sqlite3.Connection, caller: Caller, name: str) -> Account:
    """The robot of this name, which the caller manages, or a problem."""
    found = _seen(db, caller, name)
    if not _manages(db, caller.actor, found):
        caller.deny(Action.GRANT, found.subject)
    return found


@router.get("")
async def index(caller: Called, after: After = "", limit: Limit = 100) -> Page[Robot]:
    """Robots by name, those that the caller may see."""
    found: list[Account] = []
    last = after
    while len(found) <= limit and (page := accounts.listed(caller.db, Kind.ROBOT, last, _PAGE)):
        last = page[-1].name
        found += [each for each in page if _sees(caller.db, caller, each)]
    items = [shown(caller.db, each) for each in found[: limit + 1]]
    return Page.model_validate(paged(items, limit, "name"))


@router.post("", status_code=201)
async def create(caller: Called, wanted: Annotated[NewRobot, Body()]) -> Furnished:
    """Make a robot with its grants and its first secret."""
    for each in wanted.grants:
        grants.check_giving(caller, each.role, each.pattern)
    if not wanted.grants:
        caller.require(Action.ADMINISTER)

    def write(db: sqlite3.Connection) -> Furnished:
        if accounts.find(db, Kind.ROBOT, wanted.name):
            raise Problem(409, f"the name {wanted.name} is taken: choose another one")
        by = caller.actor.subject
        made = accounts.create(db, Kind.ROBOT, wanted.name, by, description=wanted.description)
        for each in wanted.grants:
            given.add(db, made.subject, each.role, each.pattern, by)
        return furnish(db, made, wanted.expires)

    words = [f"{each.role} on {each.pattern}" for each in wanted.grants]
    return await caller.change("robot create", f"robot:{wanted.name}", write, grants=words)


def furnish(db: sqlite3.Connection, robot: Account, life: float | None) -> Furnished:
    """Give it a new secret, called by the day."""
    name, expires_at = time.strftime("%Y-%m-%d", time.gmtime()), credentials.end_of(life)
    text, made = credentials.make(db, secrets.Kind.ROBOT, robot.id, name, expires_at=expires_at)
    known = dict(shown(db, robot))
    return Furnished(**known, secret=text, expires_at=moment(made.expires_at))


@router.get("/{name}")
async def show(caller: Called, name: str, response: Response) -> Robot:
    """A robot with its grants, and what is known of its secrets."""
    return tagged(response, shown(caller.db, _seen(caller.db, caller, name)))


@router.patch("/{name}")
async def update(
    caller: Called,
    name: str,
    wanted: Annotated[RobotChange, Body()],
    response: Response,
    if_match: IfMatch = None,
) -> Robot:
    """Describe, disable or enable a robot."""

    def write(db: sqlite3.Connection) -> Robot:
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

    def write(db: sqlite3.Connection) -> None:
        robot = managed(db, caller, name)
        check_match(if_match, shown(db, robot))
        accounts.remove(db, robot)

    await caller.change("robot delete", f"robot:{name}", write)
    return Response(status_code=204)
