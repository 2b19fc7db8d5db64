"""Groups of users."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Response

from entrepot.admin import admins, users
from entrepot.admin.caller import Called
from entrepot.admin.page import (
    After,
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
from entrepot.db import groups
from entrepot.db.connection import Connection

router = APIRouter(prefix="/groups", tags=["groups"])


class Group(Model):
    """A group as shown."""

    name: str
    description: str
    members: list[str]
    """Names of users."""
    created_at: datetime | None
    created_by: str


class NewGroup(Model):
    """A group to be made."""

    name: Name
    description: Text = ""


class GroupChange(Model):
    """A new description."""

    description: Text


def shown(db: Connection, group: groups.Group) -> Group:
    """A group as the API shows it."""
    return Group(
        name=group.name,
        description=group.description,
        members=groups.members(db, group.name),
        created_at=moment(group.created_at),
        created_by=group.created_by,
    )


def required(db: Connection, name: str) -> groups.Group:
    """The group of this name, or a problem."""
    found = groups.find(db, name)
    if found is None:
        raise Problem(404, f"there is no group {name[:128]!r}")
    return found


@router.get("")
async def index(caller: Called, after: After = "", limit: Limit = 100) -> Page[Group]:
    """Groups by name."""

    def read(db: Connection) -> list[Group]:
        return [shown(db, each) for each in groups.listed(db, after, limit + 1)]

    return Page.model_validate(paged(await caller.read(read), limit, "name"))


@router.post("", status_code=201)
async def create(caller: Called, wanted: Annotated[NewGroup, Body()], response: Response) -> Group:
    """Make a group."""

    def write(db: Connection) -> Group:
        if groups.find(db, wanted.name):
            raise Problem(409, f"there is a group {wanted.name} already")
        by = caller.actor.subject
        return shown(db, groups.create(db, wanted.name, wanted.description, by))

    return tagged(response, await caller.change("group create", f"group:{wanted.name}", write))


@router.get("/{name}")
async def show(caller: Called, name: str, response: Response) -> Group:
    """A group with its members."""
    return tagged(response, await caller.read(lambda db: shown(db, required(db, name))))


@router.patch("/{name}")
async def update(
    caller: Called,
    name: str,
    wanted: Annotated[GroupChange, Body()],
    response: Response,
    if_match: IfMatch = None,
) -> Group:
    """Describe a group."""

    def write(db: Connection) -> Group:
        check_match(if_match, shown(db, required(db, name)))
        groups.describe(db, name, wanted.description)
        return shown(db, required(db, name))

    return tagged(response, await caller.change("group change", f"group:{name}", write))


@router.delete("/{name}", status_code=204)
async def delete(caller: Called, name: str, if_match: IfMatch = None) -> Response:
    """Delete a group with its grants; the users stay."""

    def write(db: Connection) -> None:
        group = required(db, name)
        check_match(if_match, shown(db, group))
        with admins.kept(db):
            groups.remove(db, group)

    await caller.change("group delete", f"group:{name}", write)
    return Response(status_code=204)


@router.put("/{name}/members/{user}", status_code=204)
async def add_member(caller: Called, name: str, user: str) -> Response:
    """Put a user into a group."""

    def write(db: Connection) -> None:
        groups.join(db, required(db, name).name, users.required(db, user).id)

    await caller.change("group add", f"group:{name}", write, user=user)
    return Response(status_code=204)


@router.delete("/{name}/members/{user}", status_code=204)
async def remove_member(caller: Called, name: str, user: str) -> Response:
    """Take a user out of a group."""

    def write(db: Connection) -> None:
        with admins.kept(db):
            gone = groups.leave(db, required(db, name).name, users.required(db, user).id)
        if not gone:
            raise Problem(404, f"{user} is not in {name}")

    await caller.change("group remove", f"group:{name}", write, user=user)
    return Response(status_code=204)
