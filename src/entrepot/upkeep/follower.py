"""`Follower`: a job that follows the log of changes, for as long as it has anything to do.

It wakes when something changed, and looks now and then. While the database is away, or frozen, it
waits, and says so once. In a server that stops it begins nothing more: another process goes on.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Iterable
from typing import Protocol

from entrepot.db import changes, moving
from entrepot.db.changes import Kind, Row, Wanted
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.log import EVERYTHING
from entrepot.db.news import News, Watch
from entrepot.upkeep.job import Job, Run

LOOK = 5.0
"""Seconds after which it looks who there is, where nothing was heard."""
AGAIN = 2.0
"""Seconds until what could not be written down is written once more."""
AWAY = (sqlite3.Error, moving.FrozenError)
"""What says that nothing can be written now: the database is away, or frozen while it is moved."""
WINDOW = 500
"""Rows of the log that are read at once."""

_ALL = Wanted((("", "\U0010ffff"),))


def fronts(cursors: Iterable[int]) -> list[int]:
    """Where to read on in the log for those who have come so far: for who is in front at first, and
    then for the last. So one that is behind by a million rows, as it was paused, holds up no other.
    """
    found = set(cursors)
    return sorted({max(found), min(found)}, reverse=True) if found else []


def window(db: Connection, cursor: int) -> tuple[list[Row], int, bool]:
    """Some rows of the log behind a cursor, where they end, and whether they are its last."""
    return changes.following(db, cursor, _ALL, WINDOW, WINDOW)


class Work(Protocol):
    """What is done. Any of it may be cut off, and is done once more then."""

    async def look(self) -> None:
        """Learn for whom there is anything to do."""

    async def step(self, watch: Watch) -> float | None:
        """Do what there is; seconds for which there is nothing more, None where there is nobody."""

    async def finish(self) -> None:
        """Have what is under way end."""


class Follower:
    """Does some work for as long as it runs."""

    def __init__(self, name: str, work: Work, database: Database, news: News) -> None:
        self._name, self._work, self._database, self._news = name, work, database, news
        self._log = logging.getLogger(f"entrepot.{name}")
        self._looked = float("-inf")
        self.stale = True
        """Whether there may be others by now for whom there is anything to do."""

    def job(self, pause: float, describe: str) -> Job:
        """What runs it, and looks so often whether there is anybody."""
        return Job(self._name, self.run, pause, describe)

    async def run(self, run: Run) -> None:
        """Work until cancelled, or there is nobody."""
        self.stale, trouble = True, ""
        try:
            with self._news.watch(self._hear) as watch:
                while True:
                    pause, said = await self._tried(watch)
                    if said and not trouble:  # told once, not each time
                        self._log.error("%s; it is tried again", said)
                    trouble = said
                    run.report(error=said)
                    if pause is None:
                        return
                    await watch.wait(pause)
        finally:
            await self._work.finish()

    async def _tried(self, watch: Watch) -> tuple[float | None, str]:
        """For how long there is nothing to do, and what holds it up."""
        try:
            return await self._step(watch), ""
        except AWAY as error:
            return AGAIN, f"{self._name} cannot go on: {error}"

    async def _step(self, watch: Watch) -> float | None:
        if self._news.closed:
            await asyncio.sleep(LOOK)
            return LOOK
        if await self._database.read(moving.frozen) is not None:
            return LOOK
        if self.stale or time.monotonic() - self._looked > LOOK:
            self.stale = False
            await self._work.look()
            self._looked = time.monotonic()
        return await self._work.step(watch)

    def _hear(self, kind: str, _repository: str) -> bool:
        if kind in (Kind.ACCESS, EVERYTHING):
            self.stale = True
        return True
