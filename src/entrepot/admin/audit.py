"""The audit: queried, exported, verified, reviewed. Auditors see all of it, owners their project's.

All of it is read in threads, on connections of their own.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator

from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import Limit, Model, Page, Pattern
from entrepot.admin.problem import Problem
from entrepot.auth import pattern
from entrepot.auth.roles import Action
from entrepot.db import entries
from entrepot.db.chain import Chain
from entrepot.db.connection import Connection
from entrepot.db.entries import Wanted
from entrepot.upkeep import export as exports
from entrepot.upkeep.review import UNUSED, review
from entrepot.upkeep.review.finding import Severity

T = TypeVar("T")

router = APIRouter(prefix="/audit", tags=["audit"])

_PAGE = 1000
_MOST_FAULTS = 1000
_PAUSE = 0.001
_verifying = threading.Lock()


class Entry(Model):
    """A row of the audit."""

    id: int
    at: datetime
    actor: str
    """user:alice, robot:ci, workload:prod, anonymous, or entrepot itself."""
    via: str
    """How they showed who they are: password, token laptop, certificate, …"""
    address: str
    agent: str
    """What the client calls itself."""
    request: str
    """The request's id, as logs have it."""
    action: str
    repository: str
    reference: str
    """The tag, or what else the action was on: user:alice, project:team."""
    digest: str
    result: str
    """ok, denied or failed."""
    detail: dict[str, Any]
    times: int
    """How often the same came within a second."""
    hash: str
    """Of this row and the one before."""


class Result(StrEnum):
    """How it ended."""

    OK = "ok"
    DENIED = "denied"
    FAILED = "failed"


def _aware(moment: datetime) -> datetime:
    """A time without a zone is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(_aware)]


async def wanted(
    caller: Called,
    *,
    since: Annotated[Moment | None, Query(description="From this time on.")] = None,
    until: Annotated[Moment | None, Query(description="Before this time.")] = None,
    actor: Annotated[str, Query(max_length=255, description="Such as user:alice.")] = "",
    repository: Annotated[
        Pattern | None, Query(description="One, or all that a pattern such as team/* means.")
    ] = None,
    action: Annotated[str, Query(max_length=64, description="Such as pull or pushed.")] = "",
    result: Result | None = None,
    address: Annotated[str, Query(max_length=64, description="Of the client.")] = "",
) -> Wanted:
    """What is asked for, if the caller may see it."""
    await _check(caller, repository)
    one = repository if repository and not repository.endswith(pattern.ANY) else ""
    several = repository if repository and not one and repository != pattern.ANY else ""
    return Wanted(
        since.timestamp() if since else 0,
        until.timestamp() if until else None,
        actor,
        one,
        tuple(pattern.ranges([several])) if several else (),
        action,
        result or "",
        address,
    )


async def _check(caller: Caller, repository: str | None) -> None:
    """All of it is for auditors; what was done to a project's repositories, for its owners, too."""
    project = pattern.project_of(repository) if repository else None
    if await caller.holds(Action.AUDIT):
        return
    if project and await caller.holds(Action.GRANT, f"{project}/*"):
        return
    caller.deny(Action.AUDIT, repository or pattern.ANY)


Asked = Annotated[Wanted, Depends(wanted)]


def _read(caller: Caller, query: Callable[[Connection], T]) -> Awaitable[T]:
    """Ask something that takes long."""
    return caller.registry.database.scan(query)


@router.get("")
async def index(
    caller: Called,
    asked: Asked,
    after: Annotated[
        int | None, Query(ge=0, le=2**62, description="Go on behind this one.")
    ] = None,
    limit: Limit = 100,
) -> Page[Entry]:
    """Entries, the newest first. A page may be short, or empty, before the last one."""
    query = partial(entries.page, wanted=asked, after=after, limit=limit)
    found = await _read(caller, query)
    items = [Entry.model_validate(each.document()) for each in found.entries]
    return Page(items=items, next=None if found.next is None else str(found.next))


class Format(StrEnum):
    """How the export is written."""

    JSONL = "jsonl"
    CSV = "csv"


_TYPES = {Format.JSONL: "application/x-ndjson", Format.CSV: "text/csv; charset=utf-8"}


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        200: {"content": {kind: {"schema": {"type": "string"}} for kind in _TYPES.values()}}
    },
)
async def export(caller: Called, asked: Asked, format: Format = Format.JSONL) -> StreamingResponse:  # noqa: A002 - the parameter's name
    """All entries, the newest first, as JSON lines or CSV."""
    name = f'attachment; filename="audit.{format}"'
    parts = _exported(caller, asked, format)
    headers = {"content-disposition": name}
    return StreamingResponse(parts, headers=headers, media_type=_TYPES[format])


async def _exported(caller: Caller, asked: Wanted, kind: Format) -> AsyncIterator[bytes]:
    if kind is Format.CSV:
        yield exports.HEADINGS
    write = exports.as_csv if kind is Format.CSV else exports.as_lines
    after: int | None = None
    while True:
        query = partial(entries.page, wanted=asked, after=after, limit=_PAGE)
        found = await _read(caller, query)
        yield await asyncio.to_thread(write, found.entries)
        after = found.next
        if after is None:
            return


class Head(Model):
    """The newest row: noted elsewhere, it proves later that nothing before it was changed."""

    id: int
    hash: str


class Verified(Model):
    """What came of it."""

    intact: bool
    rows: int
    """How many were looked at."""
    head: Head
    faults: list[str]
    """What is wrong, in words; of many, the first."""


@router.get("/verify")
async def verify(
    caller: Called,
    head: Annotated[
        str,
        Query(pattern="^$|^[0-9]{1,18}:[0-9a-f]{64}$", description="ID:HASH, noted elsewhere."),
    ] = "",
) -> Verified:
    """Walk along the chain of all rows; takes a second for some 50,000 of them."""
    number, _, found = head.partition(":")
    connect = caller.registry.database.connect
    chain = Chain(connect, (int(number), found) if head else None, pause=_PAUSE)
    if not _verifying.acquire(blocking=False):
        raise Problem(429, "the audit is being verified right now: try again later")
    try:
        faults = await asyncio.to_thread(lambda: list(islice(chain.faults(), _MOST_FAULTS)))
    finally:
        _verifying.release()
    head_ = Head(id=chain.head[0], hash=chain.head[1])
    return Verified(intact=not faults, rows=chain.rows, head=head_, faults=faults)


class Finding(Model):
    """Something that someone should look at."""

    kind: str
    severity: Severity
    subject: str
    """Whom or what it is about."""
    text: str
    """What is found, and what to do."""
    since: datetime | None


@router.get("/review")
async def reviewed(
    caller: Called,
    unused: Annotated[
        int, Query(ge=0, le=10**9, description="Seconds that make something unused.")
    ] = int(UNUSED),
) -> Page[Finding]:
    """What a security team looks at regularly, the worst first."""
    files = caller.registry.certificates
    found = await _read(caller, lambda db: review(db, time.time(), unused, files))
    return Page(items=[Finding.model_validate(each.document()) for each in found])
