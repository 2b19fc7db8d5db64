"""Grants: who has which role on what. Owners give what lies in their own projects, admins all."""

import asyncio
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from entrepot.admin import admins
from entrepot.admin.caller import Called, Caller, Powers
from entrepot.admin.page import Limit, Model, Page, Pattern, Subject, moment
from entrepot.admin.problem import Problem
from entrepot.auth import pattern as patterns
from entrepot.auth.roles import SYSTEM, Action, Role
from entrepot.db import accounts, grants, groups, issuers
from entrepot.db.connection import Connection

router = APIRouter(prefix="/grants", tags=["grants"])

_PAGE = 200


class Grant(Model):
    """A grant as shown."""

    id: int
    subject: str
    role: Role
    pattern: str
    created_at: datetime | None
    created_by: str
    used_at: datetime | None
    """When it let someone do something last."""


class NewGrant(Model):
    """A grant to be made."""

    subject: Subject
    role: Role
    pattern: Pattern


def shown(grant: grants.Grant) -> Grant:
    """A grant as the API shows it."""
    return Grant(
        id=grant.id,
        subject=grant.subject,
        role=Role(grant.role),
        pattern=grant.pattern,
        created_at=moment(grant.created_at),
        created_by=grant.created_by,
        used_at=moment(grant.used_at),
    )


async def check_giving(caller: Caller, role: Role, pattern: str) -> None:
    """Raise a problem unless the caller may give this role on this pattern."""
    if role in SYSTEM:
        if pattern != patterns.ANY:
            raise Problem(422, f"{role} is a role on the whole registry: give it on *")
        await caller.require(Action.ADMINISTER)
    else:
        await caller.require(Action.GRANT, pattern)


def _sees(caller: Caller, may: Powers, grant: grants.Grant) -> bool:
    """One's own, those on what one owns, or all."""
    own = grant.subject in caller.actor.subjects
    return own or may(Action.AUDIT, patterns.ANY) or may(Action.GRANT, grant.pattern)


@router.get("")
async def index(
    caller: Called,
    subject: Annotated[str, Query(description="Only of user:alice, say.")] = "",
    project: Annotated[str, Query(description="Only on patterns in this project.")] = "",
    after: Annotated[int, Query(ge=0, le=2**62, description="Go on behind this one.")] = 0,
    limit: Limit = 100,
) -> Page[Grant]:
    """Grants that the caller may see, the oldest first."""
    found: list[grants.Grant] = []
    last, may = after, await caller.powers()
    while len(found) <= limit:
        page = await caller.read(partial(grants.listed, after=last, limit=_PAGE))
        if not page:
            break
        last = page[-1].id
        found += [
            each
            for each in page
            if (not subject or each.subject == subject)
            and (not project or patterns.project_of(each.pattern) == project)
            and _sees(caller, may, each)
        ]
        await asyncio.sleep(0)  # who may see few of very many must not hold up the others
    items = [shown(each) for each in found[:limit]]
    return Page(items=items, next=str(items[-1].id) if len(found) > limit else None)


@router.post("", status_code=201)
async def create(caller: Called, wanted: Annotated[NewGrant, Body()]) -> Grant:
    """Give a role. Giving what is given already changes nothing."""
    await check_giving(caller, wanted.role, wanted.pattern)

    def write(db: Connection) -> grants.Grant:
        _check_subject(db, wanted.subject)
        by = caller.actor.subject
        return grants.add(db, wanted.subject, wanted.role, wanted.pattern, by)

    words = f"{wanted.subject} {wanted.role} {wanted.pattern}"
    return shown(await caller.change("grant add", words, write))


def _check_subject(db: Connection, subject: str) -> None:
    kind, _, name = subject.partition(":")
    if kind == "group":
        known = groups.find(db, name) is not None
    elif kind == "workload":
        known = any(trust.name == name for trust in issuers.trusts(db))
    else:
        known = accounts.find(db, accounts.Kind(kind), name) is not None
    if not known:
        raise Problem(404, f"there is no {kind} {name}: make it first")


@router.delete("/{number}", status_code=204)
async def delete(caller: Called, number: int) -> Response:
    """Take a grant back; tokens made by it end within their short life."""
    found = None
    if abs(number) < 2**62:
        found = await caller.read(partial(grants.find, number=number))
    if found is None or not _sees(caller, await caller.powers(), found):
        raise Problem(404, f"there is no grant {number}, or you may not see it")
    await check_giving(caller, Role(found.role), found.pattern)

    def write(db: Connection) -> None:
        with admins.kept(db):
            gone = grants.remove(db, number)
        if not gone:
            raise Problem(404, f"there is no grant {number} any more")

    words = f"{found.subject} {found.role} {found.pattern}"
    await caller.change("grant remove", words, write)
    return Response(status_code=204)
