"""Replications: rules by which images are copied to other registries, and from them. They are an
admin's: whoever makes one has this registry go out, and decides whose login it shows there.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Query, Response

from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import (
    After,
    IfMatch,
    Limit,
    Page,
    check_match,
    moment,
    paged,
    tagged,
)
from entrepot.admin.problem import Problem
from entrepot.admin.replication_models import (
    DAY,
    MINUTES,
    NewReplication,
    Replicated,
    ReplicatedTag,
    Replication,
    ReplicationChange,
)
from entrepot.admin.upstreams import locked, refuse_locked, who
from entrepot.db import jobs, replication_tags, replications, upstreams
from entrepot.db.audit import Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.replication_tags import Item, Standing, State
from entrepot.db.replications import Direction
from entrepot.db.replications import Replication as Row
from entrepot.upkeep.replication.replicator import JOB

T = TypeVar("T")

router = APIRouter(prefix="/replications", tags=["replications"])


def _plain(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "direction": row.direction,
        "url": row.url,
        "kind": row.kind,
        "login": row.login,
        "has_password": bool(row.secret or row.locked),
        "ca": row.ca,
        "pattern": row.pattern,
        "target": row.target,
        "tags": list(row.tags),
        "versions": row.versions,
        "referrers": row.referrers,
        "deletions": row.deletions,
        "rate": row.rate,
        "every": row.every,
        "paused": row.paused,
        "created_at": moment(row.created_at),
        "created_by": row.created_by,
    }


def _shown(row: Row, standing: Standing, now: float) -> Replicated:
    oldest = standing.oldest
    return Replicated(
        **_plain(row),
        lag=0.0 if oldest is None else max(0.0, now - oldest),
        waiting=standing.waiting,
        failing=standing.failing,
        conflicts=standing.conflicts,
        done=standing.done,
        follows=row.there is not None,
        compared_at=moment(row.compared_at),
        error=locked(row) or row.error or standing.error,
    )


def _with_standing(db: Connection, row: Row) -> Replicated:
    return _shown(row, replication_tags.standing(db, row.name), time.time())


def _check_target(db: Connection, row: Row) -> None:
    """What stands for another registry is filled by those who pull."""
    project = (row.target or row.pattern).partition("/")[0]
    if row.direction is Direction.PULL and upstreams.stands(db, project):
        raise Problem(409, f"project {project} stands for another registry: take another target")


def _found(db: Connection, name: str) -> Replicated:
    return _with_standing(db, _required(db, name))


def _required(db: Connection, name: str) -> Row:
    found = replications.find(db, name)
    if found is None:
        raise Problem(404, f"there is no replication {name[:255]!r}")
    return found


@router.get("")
async def index(caller: Called, after: After = "", limit: Limit = 100) -> Page[Replicated]:
    """All rules, and how they stand."""

    def read(db: Connection) -> list[Replicated]:
        return [_with_standing(db, row) for row in replications.listed(db, after, limit + 1)]

    return Page.model_validate(paged(await caller.registry.database.scan(read), limit, "name"))


@router.post("", status_code=201)
async def create(
    caller: Called, wanted: Annotated[NewReplication, Body()], response: Response
) -> Replicated:
    """Have images copied from now on."""
    given = wanted.model_dump(exclude={"password", "tags"})
    usual = MINUTES if wanted.direction is Direction.PULL else DAY
    given["every"] = wanted.every or usual
    secret = wanted.password.get_secret_value()
    by = caller.actor.subject
    row = Row(**given, tags=tuple(wanted.tags), secret=secret, created_by=by)
    row = replace(row, login=who(row))

    def write(db: Connection) -> Replicated:
        if replications.find(db, row.name):
            raise Problem(409, f"there is a replication {row.name} already")
        _check_target(db, row)
        made = replications.add(db, row)
        jobs.ask(db, JOB)
        return _with_standing(db, made)

    told = {"url": row.url, "pattern": row.pattern, "direction": row.direction.value}
    made = await _change(caller, "replication create", row.name, write, **told)
    return _tagged(response, made)


@router.get("/{name}")
async def show(caller: Called, name: str, response: Response) -> Replicated:
    """A rule, and how it stands."""
    read = partial(_found, name=name)
    return _tagged(response, await caller.registry.database.scan(read))


@router.patch("/{name}")
async def update(
    caller: Called,
    name: str,
    wanted: Annotated[ReplicationChange, Body()],
    response: Response,
    if_match: IfMatch = None,
) -> Replicated:
    """Change a rule, pause it, or have it go on; all of it is compared soon."""
    given = wanted.model_dump(exclude_unset=True, exclude={"password"})
    given = {key: each for key, each in given.items() if each is not None or key == "rate"}

    def write(db: Connection) -> Replicated:
        before = _required(db, name)
        check_match(if_match, Replication(**_plain(before)))
        refuse_locked(before, wanted.password)
        fields: dict[str, Any] = {}
        fields |= {key: tuple(each) if key == "tags" else each for key, each in given.items()}
        if wanted.password is not None:
            fields |= {"secret": wanted.password.get_secret_value(), "locked": ""}
        elif before.secret and given.get("url", before.url) != before.url:
            raise Problem(422, "give the password again, or an empty one: the address changes")
        row = replace(before, **fields)
        replications.put(db, replace(row, login=who(row)))
        if row.url != before.url:
            replications.follow(db, name, None)
        if given.keys() - {"paused", "rate", "every"}:
            replications.ask(db, name, time.time())
        jobs.ask(db, JOB)
        return _found(db, name)

    told = {key: each for key, each in given.items() if key != "ca"}
    return _tagged(response, await _change(caller, "replication change", name, write, **told))


@router.delete("/{name}", status_code=204)
async def delete(caller: Called, name: str, if_match: IfMatch = None) -> Response:
    """Have nothing copied by it any more. What it copied stays."""

    def write(db: Connection) -> None:
        check_match(if_match, Replication(**_plain(_required(db, name))))
        replications.remove(db, name)

    await _change(caller, "replication delete", name, write)
    return Response(status_code=204)


@router.post("/{name}/run", status_code=202)
async def run(caller: Called, name: str) -> Replicated:
    """Have all of it compared now, and what failed tried again."""

    def write(db: Connection) -> Replicated:
        if _required(db, name).paused:
            raise Problem(409, f"replication {name} is paused: have it go on first")
        replications.ask(db, name, time.time())
        jobs.ask(db, JOB)
        return _found(db, name)

    return await _change(caller, "replication run", name, write)


@router.get("/{name}/tags")
async def tags(
    caller: Called,
    name: str,
    state: Annotated[State | None, Query(description="Only those that stand so.")] = None,
    after: Annotated[str, Query(max_length=400, description="Go on behind this one.")] = "",
    limit: Limit = 100,
) -> Page[ReplicatedTag]:
    """What is copied by a rule, tag by tag; `after` is REPOSITORY:TAG."""
    repository, _, tag = after.partition(":")

    def read(db: Connection) -> list[Item]:
        _required(db, name)
        return replication_tags.page(db, name, state, (repository, tag), limit + 1)

    found = await caller.registry.database.scan(read)
    last = found[limit - 1] if len(found) > limit else None
    return Page(
        items=[_tag(item) for item in found[:limit]],
        next=f"{last.repository}:{last.tag}" if last else None,
    )


def _tag(item: Item) -> ReplicatedTag:
    """What changed has a place in line before the time of its change."""
    next_at = max(item.next_at, item.since or 0.0) if item.next_at is not None else None
    return ReplicatedTag(
        repository=item.repository,
        tag=item.tag,
        state=item.state,
        gone=item.gone,
        digest=item.digest,
        since=moment(item.since),
        attempts=item.attempts,
        next_at=moment(next_at),
        error=item.error,
        done_at=moment(item.done_at),
    )


def _tagged(response: Response, shown: Replicated) -> Replicated:
    """Its entity tag is that of the rule: how it stands changes by itself."""
    fields = shown.model_dump(include=set(Replication.model_fields))
    tagged(response, Replication(**fields))
    return shown


async def _change(
    caller: Caller, what: str, name: str, write: Callable[[Connection], T], **detail: Any
) -> T:
    event = Event(what, caller.by(), reference=f"replication:{name}", detail=detail)

    def both(db: Connection) -> T:
        result = write(db)
        record_access(db, event)
        return result

    return await caller.registry.database.write(both)
