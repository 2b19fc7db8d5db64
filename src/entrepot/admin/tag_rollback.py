"""Rollback: a tag goes back to what it was, in one transaction, as one more move of its history."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import Field

from entrepot.admin.caller import Called
from entrepot.admin.page import Model, Reason
from entrepot.admin.problem import Problem
from entrepot.admin.tag_history import Move, TagName, shown
from entrepot.admin.tags import Where
from entrepot.auth.roles import Action
from entrepot.db import rollback as db_rollback
from entrepot.db.connection import Connection
from entrepot.db.rollback import NoSuchMoveError, Plan, RollbackError
from entrepot.oci.names import Repository, Tag
from entrepot.versions import floating

router = APIRouter(prefix="/tags", tags=["tags"])


class How(Model):
    """Where to, why, and what it depends on."""

    to: Annotated[int, Field(ge=0, le=2**62)] | None = None
    """The number of a move; without it, to the last thing that the tag was and is not now."""
    expected: Annotated[str, Field(max_length=200)] | None = None
    """The digest that the tag must still point to, "" for one that is deleted: else nothing moves,
    and the answer is 409.
    """
    reason: Reason = ""
    dry_run: bool = False
    """Say what would be done, and do nothing."""


class Rollback(Model):
    """What was done, or would be."""

    repository: str
    tag: str
    old: str | None
    """What the tag pointed to; null where it was deleted."""
    new: str
    """What it points to again."""
    to: Move
    """The move that made it point there before."""
    move: Move | None
    """The move that this is; null for a dry run."""


class _Undone(Exception):  # noqa: N818 - no error
    """Ends a dry run, and with it the transaction: so it meets all that a real one would."""

    def __init__(self, rollback: Rollback) -> None:
        super().__init__()
        self.rollback = rollback


@router.post("/rollback")
async def rollback(
    caller: Called, repository: Where, tag: TagName, how: Annotated[How | None, Body()] = None
) -> Rollback:
    """Point a tag back to what it was; it takes the right to move tags."""
    where, name, how = Repository(repository), Tag(tag), how or How()
    await caller.allow(Action.MOVE, where)

    def move(db: Connection) -> Rollback:
        chosen = db_rollback.plan(db, where, name, to=how.to, expected=how.expected)
        made = db_rollback.apply(db, where, name, chosen, by=caller.by(), reason=how.reason)
        if how.dry_run:
            raise _Undone(_shown(where, name, chosen, None))
        return _shown(where, name, chosen, shown(made))

    go = partial(floating.keeping, repository=where, act=move, by=caller.by())
    try:
        return await caller.registry.database.write(go, large=True)
    except _Undone as undone:
        return undone.rollback
    except RollbackError as error:
        raise Problem(404 if isinstance(error, NoSuchMoveError) else 409, str(error)) from None


def _shown(repository: Repository, tag: Tag, plan: Plan, move: Move | None) -> Rollback:
    to = shown(plan.to)
    return Rollback(
        repository=repository.name,
        tag=tag.name,
        old=plan.now,
        new=to.new or "",
        to=to,
        move=move,
    )
