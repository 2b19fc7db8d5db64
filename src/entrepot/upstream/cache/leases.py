"""`Leases`: of all processes over one database, one fetches something; the others wait for it.

Whoever is killed leaves a lease that lapses, and the next one takes over.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from entrepot.db import fetches
from entrepot.db.database import Database

T = TypeVar("T")

SECONDS = 12.0
"""How long a lease lasts that nobody renews."""

_LOOK = 0.05, 0.5
"""Seconds between two looks whether it is there by now, at first and at last."""


class Leases:
    """Those of one process."""

    def __init__(self, database: Database, *, alone: bool, seconds: float = SECONDS) -> None:
        self._database = database
        self._alone = alone
        """Whether no other process serves, so that there is nobody to agree with."""
        self._seconds = seconds
        self._holder = secrets.token_hex(8)

    async def first(
        self,
        what: str,
        look: Callable[[], Awaitable[T | None]],
        fetch: Callable[[], Awaitable[T]],
    ) -> T:
        """What `look` finds, be it that another process brought it; else what `fetch` does."""
        if self._alone:
            return await fetch()
        while not await self._claim(what):
            await self._wait(what)
            if (found := await look()) is not None:
                return found
        keeping = asyncio.create_task(self._keep(what))
        try:
            found = await look()  # it may have come just before
            return found if found is not None else await fetch()
        finally:
            keeping.cancel()
            release = partial(fetches.release, what=what, holder=self._holder)
            self._database.note(release).add_done_callback(heard)

    async def _claim(self, what: str) -> bool:
        claim = partial(fetches.claim, what=what, holder=self._holder, seconds=self._seconds)
        return await self._database.note(claim)

    async def _wait(self, what: str) -> None:
        """Until nobody fetches it any more."""
        pause, most = _LOOK
        taken = partial(fetches.is_taken, what=what)
        while await self._database.read(taken):
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, most)

    async def _keep(self, what: str) -> None:
        renew = partial(fetches.renew, what=what, holder=self._holder, seconds=self._seconds)
        while True:
            await asyncio.sleep(self._seconds / 3)
            try:
                await self._database.note(renew)
            except sqlite3.Error:  # then it lapses, and maybe another fetches it too
                continue


def heard(done: "asyncio.Future[Any]") -> None:
    """Take note of what nobody waits for: it may have failed."""
    if not done.cancelled():
        done.exception()
