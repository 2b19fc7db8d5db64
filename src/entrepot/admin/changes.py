"""The log of changes, for whoever follows it: a page behind a cursor, or the wait for the next row.

Next: `follower`, which says what the caller sees of it, and waits.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from entrepot.admin.caller import Called
from entrepot.admin.follower import Follower, present
from entrepot.admin.page import Limit, Model, Page, Pattern, moment
from entrepot.admin.problem import Problem
from entrepot.db.changes import Kind, Row
from entrepot.oci.errors import OCIError

router = APIRouter(prefix="/changes", tags=["changes"])

LONGEST = 60.0
"""Seconds that a request may wait."""

STREAM = "text/event-stream"

_STILL_HERE = 15.0
"""Seconds after which a stream with no news says where it is, so that no proxy cuts it off."""


class Change(Model):
    """What happened to a repository."""

    id: int
    """Grows with each change: later ones have greater numbers, some of which are others'."""
    at: datetime
    kind: str
    """pushed, tagged, untagged, deleted, repository deleted, restored, …"""
    repository: str
    reference: str
    """The tag or the digest that it is about."""
    old: str | None
    """The digest before."""
    new: str | None
    """The digest after."""
    actor: str
    reason: str
    """Why, as whoever did it says."""


@router.get("", response_model=Page[Change])
async def index(
    caller: Called,
    request: Request,
    *,
    after: Annotated[
        int | None,
        Query(ge=0, le=2**62, description="The cursor; from now on where it is left out."),
    ] = None,
    wait: Annotated[
        float, Query(ge=0, le=LONGEST, description="Seconds to wait where there is nothing.")
    ] = 0,
    repository: Annotated[Pattern | None, Query(description="Such as team/app or team/*.")] = None,
    kind: Annotated[list[Kind] | None, Query(max_length=20)] = None,
    limit: Limit = 100,
) -> Page[Change] | StreamingResponse:
    """Changes behind the cursor, in order. `next` is always there: give it as `after` the next
    time. A page may be short, or empty, and more may follow. Who accepts text/event-stream gets
    them as events, as they come.
    """
    follower = Follower(caller, repository, frozenset(kind or ()), limit)
    if STREAM in request.headers.get("accept", ""):
        seen = _seen(request)
        cursor = await follower.begin(after if seen is None else seen)
        follower.check_room()
        return StreamingResponse(_events(follower, cursor, request), media_type=STREAM)
    cursor = await follower.begin(after)
    if wait:
        async with present(request) as gone:
            rows, cursor = await follower.wait(cursor, wait, gone)
    else:
        rows, cursor, _ = await follower.look(cursor)
    return Page(items=[_shown(row) for row in rows], next=str(cursor))


def _seen(request: Request) -> int | None:
    """The event that a browser, or whoever does as one does, has seen before it was cut off."""
    text = request.headers.get("last-event-id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


async def _events(follower: Follower, cursor: int, request: Request) -> AsyncIterator[str]:
    """Changes as server-sent events, until the client goes, may see nothing more, or the server
    stops. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    async with present(request) as gone:
        while not (gone.done() or follower.news.closed):
            try:
                rows, cursor = await follower.wait(cursor, _STILL_HERE, gone)
            except (OCIError, Problem):  # the token has ended; the next request is told so
                return
            for row in rows:
                yield f"id: {row.id}\nevent: change\ndata: {_shown(row).model_dump_json()}\n\n"
            if not rows:
                yield f"id: {cursor}\n\n"


def _shown(row: Row) -> Change:
    return Change(
        id=row.id,
        at=moment(row.at),
        kind=row.kind,
        repository=row.repository,
        reference=row.reference,
        old=row.old,
        new=row.new,
        actor=row.actor,
        reason=row.reason,
    )
