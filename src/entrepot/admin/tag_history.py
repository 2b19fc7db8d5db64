"""A tag's history: what it pointed to and why, and what that was at some time. Next: rollback."""

import time
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator

from entrepot.admin.caller import Called
from entrepot.admin.page import Limit, Model, Page, moment
from entrepot.admin.problem import Problem
from entrepot.admin.tags import Where
from entrepot.auth.roles import Action
from entrepot.db import history, whereabouts
from entrepot.db.changes import Kind
from entrepot.db.connection import Connection
from entrepot.db.whereabouts import State
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository, Tag

router = APIRouter(prefix="/tags", tags=["tags"])

_SHOWN_TO = 1e-6
"""Seconds to which moments are told: as of the moment of a move is with that move."""


def _tag(text: str) -> str:
    try:
        return Tag.parse(text).name
    except OCIError as error:
        raise ValueError(error.message) from None


def _then(at: datetime | None) -> datetime | None:
    if at is None:
        return None
    if not 1970 <= at.year < 9999:
        raise ValueError("write a time such as 2026-11-01 or 2026-11-01T12:00Z")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


Then = Annotated[
    datetime | None,
    Query(description="As of then, UTC where it says no zone; else now."),
    AfterValidator(_then),
]

TagName = Annotated[str, Query(description="The tag, such as 1.0."), AfterValidator(_tag)]


class Move(Model):
    """A tag came, went, or moved."""

    number: int
    """What a rollback calls it."""
    at: datetime | None
    by: str
    kind: Kind
    """tagged, untagged, restored; of a channel promoted, rolled back; repository deleted, where it
    went with all the others.
    """
    old: str | None
    """Null where it was not there before."""
    new: str | None
    """Null where it is not there any more."""
    reason: str
    """As whoever did it says, or the rule that did; "" where nobody did."""


class Resolved(Model):
    """What a tag points to, or pointed to."""

    repository: str
    tag: str
    at: datetime | None
    """As of when."""
    digest: str
    pull: str
    """What to pull, behind the registry's name."""
    since: datetime | None
    by: str
    reason: str
    move: int
    """The number of the move that made it so."""
    state: State
    """here; trash, where it is to be restored before it can be pulled; gone."""
    trash: int | None
    """Its number in the trash."""
    until: datetime | None
    """When it is purged there."""


def shown(move: history.Move) -> Move:
    """A move as the API shows it."""
    return Move(
        number=move.number,
        at=moment(move.at),
        by=move.actor,
        kind=move.kind,
        old=move.old,
        new=move.new,
        reason=move.reason,
    )


@router.get("/history")
async def index(
    caller: Called,
    repository: Where,
    tag: TagName,
    after: Annotated[
        int | None, Query(ge=0, le=2**62, description="Go on behind this one, to older ones.")
    ] = None,
    limit: Limit = 100,
) -> Page[Move]:
    """The moves of a tag, the newest first; also of one that is deleted by now."""
    where, name = Repository(repository), Tag(tag)
    await caller.allow(Action.PULL, where)
    before = history.LAST if after is None else after

    def ask(db: Connection) -> list[history.Move]:
        return list(islice(history.moves(db, where, name, before), limit + 1))

    found = await caller.registry.database.scan(ask)
    if not found and after is None:
        raise Problem(404, f"there never was a tag {tag} in {repository}")
    more = len(found) > limit
    items = [shown(move) for move in found[:limit]]
    return Page(items=items, next=str(items[-1].number) if more else None)


@router.get("/resolve")
async def resolve(
    caller: Called,
    repository: Where,
    tag: TagName,
    at: Then = None,
) -> Resolved:
    """What a tag points to, or pointed to as of a time, and whether that can still be pulled."""
    where, name = Repository(repository), Tag(tag)
    await caller.allow(Action.PULL, where)
    asked = time.time() if at is None else at.timestamp() + _SHOWN_TO

    def ask(db: Connection) -> tuple[history.Move, whereabouts.Whereabouts]:
        newest = history.moves(db, where, name)
        found = next(newest, None) if at is None else history.at(db, where, name, asked)
        if found is None or found.new is None:
            what = f"no tag {tag} in {repository}"
            then = f"there was {what} at {at:%Y-%m-%d %H:%M %Z}" if at else f"there is {what}"
            raise Problem(404, then)
        return found, whereabouts.look(db, where, found.new)

    move, lies = await caller.registry.database.scan(ask)
    return Resolved(
        repository=repository,
        tag=tag,
        at=moment(asked),
        digest=move.new or "",
        pull=f"{repository}@{move.new}",
        since=moment(move.at),
        by=move.actor,
        reason=move.reason,
        move=move.number,
        state=lies.state,
        trash=lies.item,
        until=moment(lies.until),
    )
