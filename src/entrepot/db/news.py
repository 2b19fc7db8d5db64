"""`News`: lets any number of tasks wait for changes that concern them, for next to nothing.

However many wait, one task of this process looks at the log (`db.log`), which costs 0.1 µs where
nothing is new and no query. A waiter is woken by what concerns it alone, and asks the database
itself what that was: so it begins to watch first, asks then, and misses nothing in between.
"""

import asyncio
import contextlib
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator

from entrepot.db.log import Log

PULSE = 0.03
"""Seconds between two looks at the log, while anyone waits."""

Concern = Callable[[str, str], bool]
"""Whether a change of this kind in this repository is worth waking up for; see `Follower`."""

_log = logging.getLogger("entrepot.db")


class Watch:
    """One that waits; made by `News.watch`."""

    def __init__(self, news: "News", concern: Concern) -> None:
        self._concern = concern
        self._news = news
        self._woken = asyncio.Event()

    def tell(self, kind: str, repository: str) -> None:
        """Hear of a change."""
        if self._concern(kind, repository):
            self._woken.set()

    def wake(self) -> None:
        """Wait no longer."""
        self._woken.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for something that came since the last call, at most so long; whether it did."""
        if self._news.closed:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        came = self._woken.is_set() and not self._news.closed
        self._woken.clear()
        return came


class News:
    """Those that wait in this process. Made on the event loop."""

    def __init__(self, log: Log) -> None:
        self.closed = False
        """Whether the server stops, and nobody waits any longer."""
        self._log = log
        self._watches: set[Watch] = set()
        self._of: Counter[str] = Counter()
        self._pulse: asyncio.Task[None] | None = None
        log.subscribe(self._told)

    @property
    def waiting(self) -> int:
        """How many do."""
        return len(self._watches)

    def of(self, who: str) -> int:
        """How many of those are theirs."""
        return self._of[who]

    @contextlib.contextmanager
    def watch(self, concern: Concern, who: str = "") -> Iterator[Watch]:
        """Hear of changes for as long as the block lasts."""
        found = Watch(self, concern)
        self._watches.add(found)
        self._of[who] += 1
        if self._pulse is None or self._pulse.done():
            self._pulse = asyncio.create_task(self._beat())
        try:
            yield found
        finally:
            self._watches.discard(found)
            self._of -= Counter((who,))  # forgets who has none left

    def close(self) -> None:
        """Let all go on at once, and whoever comes."""
        self.closed = True
        for each in self._watches:
            each.wake()

    def _told(self, kind: str, repository: str) -> None:
        for each in self._watches:
            each.tell(kind, repository)

    async def _beat(self) -> None:
        failing = False
        while self._watches and not self.closed:
            try:
                self._log.follow()
                failing = False
            except sqlite3.Error as error:  # who waits goes on waiting, and asks in the end
                if not failing:  # told once
                    _log.error("the log of changes cannot be read: %s; it is tried again", error)
                failing = True
            await asyncio.sleep(PULSE)
