"""`Follower`: a caller who follows the log of changes, and what they may see of it by now.

They see the rows of repositories that they may pull from at the moment of the answer; the cursor
moves past all others, so that nobody is told that they are there, nor held up by them. Who waits
costs no query until something comes that concerns them (`db.news`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

from fastapi import Request

from entrepot.admin.caller import Caller
from entrepot.admin.problem import Problem
from entrepot.auth import pattern
from entrepot.auth.roles import Action
from entrepot.db import changes
from entrepot.db.changes import Kind, Row, Wanted
from entrepot.db.log import EVERYTHING
from entrepot.oci.names import Repository

_WINDOW = 1000
"""Rows that one query looks at."""
_WINDOWS = 50
"""Queries of one request at most: behind them its page ends, be it empty."""
_EACH = 1000
"""Requests of one actor that may wait in a process."""


@contextlib.asynccontextmanager
async def present(request: Request) -> AsyncIterator["asyncio.Task[None]"]:
    """A task that ends when the client goes away."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    gone = asyncio.create_task(watch())
    try:
        yield gone
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


@contextlib.contextmanager
def _calling(act: Callable[[], None], end: "asyncio.Task[None]") -> Iterator[None]:
    """Have something done when a task ends, for as long as the block lasts: a stream of weeks waits
    a million times for the same client to go.
    """

    def ended(_: object) -> None:
        act()

    end.add_done_callback(ended)
    try:
        yield
    finally:
        end.remove_done_callback(ended)


class Follower:
    """A caller who follows the log, and what they asked for."""

    def __init__(
        self, caller: Caller, repository: str | None, kinds: frozenset[str], limit: int
    ) -> None:
        self.news = caller.registry.news
        self._caller = caller
        self._within = tuple(pattern.ranges([repository])) if repository else None
        self._kinds = kinds
        self._limit = limit
        self._wanted = Wanted(())

    async def begin(self, after: int | None) -> int:
        """The cursor to begin with. Raises a problem for one that is ahead of the log."""
        newest = await self._caller.read(changes.newest)
        if after is not None and after > newest:
            raise Problem(
                409,
                f"the log ends at {newest}, before {after}: it was restored from a backup. "
                f"Read anew what you follow, then go on with after={newest}",
                newest=newest,
            )
        return newest if after is None else after

    async def wait(
        self, cursor: int, seconds: float, gone: "asyncio.Task[None]"
    ) -> tuple[list[Row], int]:
        """What comes behind the cursor within so many seconds, and the cursor behind that."""
        news, loop = self.news, asyncio.get_running_loop()
        until = loop.time() + seconds
        self.check_room()
        with (
            news.watch(self._concerns, self._caller.actor.subject) as watch,
            _calling(watch.wake, gone),
        ):
            while True:
                rows, cursor, is_last = await self.look(cursor)
                left = until - loop.time()
                if rows or not is_last or left <= 0 or gone.done() or news.closed:
                    return rows, cursor
                await watch.wait(left)

    def check_room(self) -> None:
        """Raise a problem where too many wait already."""
        registry = self._caller.registry
        most = registry.most_in_flight
        mine = registry.news.of(self._caller.actor.subject)
        if mine >= _EACH or (most and registry.news.waiting >= most):
            text = "too many wait for changes already: try again shortly, or ask with wait=0"
            raise Problem(429, text, {"retry-after": "5"})

    def _concerns(self, kind: str, repository: str) -> bool:
        """Whether to look; access may be the caller's own."""
        return kind in (EVERYTHING, Kind.ACCESS) or self._wanted.means(kind, repository)

    async def look(self, cursor: int) -> tuple[list[Row], int, bool]:
        """What is there behind the cursor, the cursor behind that, and whether it is the last."""
        await self._learn()
        is_last = False
        for _ in range(_WINDOWS):
            read = partial(
                changes.following,
                cursor=cursor,
                wanted=self._wanted,
                limit=self._limit,
                window=_WINDOW,
            )
            found, cursor, is_last = await self._caller.read(read)
            if (rows := await self._visible(found)) or is_last:
                return rows, cursor, is_last
            await asyncio.sleep(0)  # others want to be answered, too
        return [], cursor, is_last

    async def _learn(self) -> None:
        """Who they are by now, and what they may see: it may have changed while they waited."""
        caller = self._caller
        guard = caller.registry.guard
        caller.asked.session = await guard.identify(caller.asked)
        ranges = await guard.directory.readable(caller.actor)
        audits = await caller.holds(Action.AUDIT)
        self._wanted = Wanted(tuple(ranges), audits, self._kinds, self._within)

    async def _visible(self, rows: list[Row]) -> list[Row]:
        """Those of repositories that they may pull from, by policies too."""
        may = {"": True}
        for name in {row.repository for row in rows} - {""}:
            may[name] = await self._caller.may(Action.PULL, Repository(name))
        return [row for row in rows if may[row.repository]]
