"""Promoting: who promotes, as the versions' room wants to know it; and its errors as problems."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from entrepot.admin.caller import Caller
from entrepot.admin.channel_models import stay_shown
from entrepot.admin.page import Model
from entrepot.admin.problem import Problem
from entrepot.db import repositories, stays
from entrepot.db.audit import DENIED, Event
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository
from entrepot.versions.checks import Check as CheckRow
from entrepot.versions.errors import MovedError, RefusedError, UnknownError
from entrepot.versions.gathering import Promoter

T = TypeVar("T")


class Check(Model):
    """How a version stands at a gate."""

    gate: str
    passed: bool
    says: str
    how: str
    """What to do about it; "" where it has passed."""


def check_shown(check: CheckRow) -> Check:
    """A check."""
    how = "" if check.passed else check.how
    return Check(gate=check.gate, passed=check.passed, says=check.says, how=how)


async def promoter(caller: Caller, repository: Repository) -> Promoter:
    """The caller, with the grants that count on a repository."""
    granted = await caller.registry.guard.directory.granted(caller.actor)
    return Promoter(caller.actor, granted.on(repository.name))


async def seen(
    caller: Caller, repository: Repository, channel: str, said: str | None
) -> str | None:
    """What the caller has seen in a channel: where they do not say so, what is there now."""
    if said is not None:
        return said or None

    def look(db: Connection) -> str | None:
        number = repositories.identify(db, repository)
        there = stays.current(db, number, channel) if number is not None else None
        return there.digest if there else None

    return await caller.read(look)


async def asked(caller: Caller, query: Callable[[Connection], T], *, large: bool = False) -> T:
    """What is read, or the problem that there is no such thing."""
    try:
        return await (caller.registry.database.scan(query) if large else caller.read(query))
    except UnknownError as error:
        raise Problem(404, str(error)) from None


async def done(
    caller: Caller, event: Event, write: Callable[[Connection], T], *, large: bool = False
) -> T:
    """What is written, or the problem in its way; a refusal by gates goes to the audit."""
    try:
        return await caller.registry.database.write(write, large=large)
    except UnknownError as error:
        raise Problem(404, str(error)) from None
    except MovedError as error:
        now = stay_shown(error.now).model_dump(mode="json") if error.now else None
        raise Problem(409, str(error), now=now) from None
    except RefusedError as error:
        detail = {**event.detail, "refused": [each.gate for each in error.refusals]}
        caller.registry.guard.trail.note(replace(event, result=DENIED, detail=detail))
        told = [check_shown(each).model_dump() for each in error.refusals]
        raise Problem(403, str(error), what=error.what, refusals=told) from None
