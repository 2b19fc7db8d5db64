"""Floating tags: where the registry itself has 1, 1.4 and latest follow versions."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from entrepot.admin.caller import Called, Caller
from entrepot.admin.immutable_tags import Within, check_project
from entrepot.admin.page import Model, Page, RepositoryName, moment
from entrepot.admin.problem import Problem
from entrepot.auth import pattern as patterns
from entrepot.auth.roles import Action
from entrepot.db import floating_rules, repositories
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository
from entrepot.versions import floating

router = APIRouter(prefix="/floating-tags", tags=["tags"])

_PAGE = 100
_TOLD = 1000
"""Moves that an answer lists."""


class Asked(Model):
    """Which tags are to float."""

    major: bool = False
    """1, of the newest 1.x.y; v1 of those that are written v1.x.y."""
    minor: bool = False
    """1.4, of the newest 1.4.x"""
    latest: bool = False
    """latest, of the newest; and alpine, of the newest such as 1.4.2-alpine."""
    prereleases: bool = False
    """Whether pre-releases count as well."""


class Rule(Model):
    """What floats in the repositories of a pattern; of several patterns the narrowest counts."""

    repositories: str
    floats: Asked
    created_at: datetime | None
    created_by: str


class Move(Model):
    """A tag that is not where it should float to."""

    repository: str
    tag: str
    version: str
    old: str
    """Digest; "" where there was no such tag."""
    new: str
    held: str
    """Why it is left alone; "" where it moves."""


class Done(Model):
    """What was set, or would be, and what that moves."""

    repositories: str
    floats: Asked
    moves: list[Move]
    """The first thousand."""


At = Annotated[Within, Query(description="team, team/*, team/app-* or team/app.")]


def _shown(rule: floating_rules.Rule) -> Rule:
    asked = rule.asked
    return Rule(
        repositories=rule.repositories,
        floats=Asked(
            major=asked.major,
            minor=asked.minor,
            latest=asked.latest,
            prereleases=asked.prereleases,
        ),
        created_at=moment(rule.created_at),
        created_by=rule.created_by,
    )


@router.get("")
async def index(
    caller: Called,
    repository: Annotated[
        RepositoryName | None, Query(description="Only the rule that counts for this one.")
    ] = None,
) -> Page[Rule]:
    """The rule that counts for a repository; or all that one may set, or see as an auditor."""
    if repository is not None:
        where = Repository(repository)
        await caller.allow(Action.PULL, where)
        rule = await caller.read(partial(floating_rules.of, repository=where))
        return Page(items=[_shown(rule)] if rule else [])
    shows = await caller.overseen()
    every = await caller.read(floating_rules.every)
    return Page(items=[_shown(each) for each in every if shows(each.repositories)])


@router.put("")
async def put(
    caller: Called,
    pattern: At,
    wanted: Annotated[Asked, Body()],
    dry_run: Annotated[bool, Query(description="Only say what that would move.")] = False,
) -> Done:
    """Have tags float, in place of what floats there; what is there already moves at once."""
    await caller.require(Action.CONFIGURE, pattern)
    given = wanted.model_dump()
    asked = floating_rules.Asked(**given)
    if not (asked.major or asked.minor or asked.latest):
        raise Problem(422, "say at least one of major, minor and latest, or delete the rule")

    def write(db: Connection) -> None:
        check_project(db, pattern)
        floating_rules.put(db, pattern, asked, caller.actor.subject)

    if dry_run:
        moves = await _each(caller, pattern, partial(floating.plan, asked=asked), write=False)
    else:
        await caller.change("floating set", pattern, write, **given)
        moves = await _each(caller, pattern, partial(floating.refresh, by=caller.by()), write=True)
    return Done(repositories=pattern, floats=wanted, moves=moves[:_TOLD])


async def _each(
    caller: Caller,
    pattern: str,
    act: partial[list[floating.Move]],
    *,
    write: bool,
) -> list[Move]:
    """Do something to all repositories of a pattern, each by itself: there may be many."""
    database, ranges = caller.registry.database, patterns.ranges([pattern])
    found: list[Move] = []
    last = ""
    while names := await database.read(
        partial(repositories.catalog, ranges=ranges, after=last, limit=_PAGE)
    ):
        for name in names:
            ask = partial(act, repository=Repository(name))
            moves = await (database.write(ask, large=True) if write else database.scan(ask))
            found += [_move(name, each) for each in moves]
        last = names[-1]
    return found


def _move(repository: str, move: floating.Move) -> Move:
    return Move(
        repository=repository,
        tag=move.tag,
        version=move.version,
        old=move.old,
        new=move.new,
        held=move.held,
    )


@router.delete("", status_code=204)
async def delete(caller: Called, pattern: At) -> Response:
    """Let go of what floats by the rule of a pattern: it stays where it is, and anyone who may can
    move it again.
    """
    await caller.require(Action.CONFIGURE, pattern)

    def write(db: Connection) -> None:
        if not floating_rules.remove(db, pattern):
            raise Problem(404, f"nothing floats by a rule for {pattern}")

    await caller.change("floating off", pattern, write)
    await _each(caller, pattern, partial(floating.refresh, by=caller.by()), write=True)
    return Response(status_code=204)
