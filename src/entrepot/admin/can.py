"""Can they: a decision, explained; which grant or policy said yes or no."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from entrepot.admin.caller import Called
from entrepot.admin.page import Model
from entrepot.admin.problem import Problem
from entrepot.auth import pattern
from entrepot.auth.actor import Actor
from entrepot.auth.decision import Visit
from entrepot.auth.roles import REPOSITORY, Action
from entrepot.db import accounts, groups
from entrepot.db.connection import Connection
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository

router = APIRouter(prefix="/can", tags=["grants"])


class Answer(Model):
    """A decision."""

    allowed: bool
    reason: str
    """Which grant or policy said so."""


@router.get("")
async def can(
    caller: Called,
    actor: Annotated[str, Query(description="user:alice, robot:ci, workload:prod, anonymous")],
    action: Annotated[Action, Query()],
    repository: Annotated[str, Query(max_length=255)],
    address: Annotated[str, Query(max_length=45, description="As if they came from here.")] = "",
) -> Answer:
    """Whether an actor may do something to a repository, and why."""
    try:
        name = Repository.parse(repository)
    except OCIError as error:
        raise Problem(422, error.message) from None
    if action not in REPOSITORY:
        raise Problem(422, f"an action on a repository is one of {', '.join(REPOSITORY)}")
    may = await caller.powers()
    inside = may(Action.AUDIT, pattern.ANY) or may(Action.GRANT, name.name)
    if actor != caller.actor.subject and not inside:
        caller.deny(Action.GRANT, name.name)
    visit = Visit(address, certificate=True) if address else None
    who = await caller.read(partial(_actor, text=actor))
    if who is None:
        return Answer(allowed=False, reason=f"{actor} is disabled")
    directory = caller.registry.guard.directory
    decision = await directory.decide(who, action, name, visit)
    if not (decision or inside or await directory.sees(who, name)):  # nor do its policies betray it
        return Answer(allowed=False, reason=f"no grant lets {who} {action} on {name}")
    return Answer(allowed=decision.allowed, reason=decision.reason)


def _actor(db: Connection, text: str) -> Actor | None:
    """The actor as it would be if it logged in now; None where it is not let in."""
    if text == "anonymous":
        return Actor()
    kind, _, name = text.partition(":")
    if kind == "workload":
        return Actor(text, (text,))
    if kind not in ("user", "robot"):
        raise Problem(422, "an actor is user:NAME, robot:NAME, workload:NAME or anonymous")
    account = accounts.find(db, accounts.Kind(kind), name)
    if account is None:
        raise Problem(404, f"there is no {kind} {name[:128]!r}")
    if account.disabled:
        return None
    own = (f"group:{each}" for each in groups.of_account(db, account.id))
    return Actor(account.subject, (account.subject, *own), account=account.id)
