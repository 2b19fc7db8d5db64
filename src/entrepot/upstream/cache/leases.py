"""`Leases`: of all processes over one database, one fetches something; the others wait for it.

Whoever is killed leaves a lease that lapses, and the next one takes over.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from entrepot.db import fetches
from entrepot.db.database import Database
from entrepot.db.fetches import Begun
from entrepot.oci.names import Repository

T = TypeVar("T")

SECONDS = 12.0
"""How long a lease lasts that nobody renews."""

_LOOK = 0.05, 0.5
"""Seconds between two looks whether it is there by now, at first and at last."""

Wait = Callable[[float], Awaitable[bool]]
"""Waits for about so many seconds; whether to wait on then."""


async def _sleep(seconds: float) -> bool:
    await asyncio.sleep(seconds)
    return True


class Leases:
    """Those of one process."""

    def __init__(self, database: Database, *, alone: bool, seconds: float = SECONDS) -> None:
        self._database = database
        self._alone = alone
        """Whether no other process serves, so that there is nobody to agree with."""
        self._seconds = seconds
        self._ours: set[str] = set()
        """What this process fetches, where it is alone."""
        self.holder = secrets.token_hex(8)

    async def first(
        self,
        what: str,
        look: Callable[[], Awaitable[T | None]],
        fetch: Callable[[], Awaitable[T]],
        behind: Wait = _sleep,
    ) -> T:
        """What `look` finds, be it that another process brought it; else what `fetch` does, also
        where `behind` would wait for the other one no more.
        """
        while not await self._claim(what):
            if not await self._wait(what, behind):
                return await fetch()
            if (found := await look()) is not None:
                return found
        with self._kept(what):
            found = None if self._alone else await look()  # it may have come just before
            return found if found is not None else await fetch()

    @contextmanager
    def _kept(self, what: str) -> Iterator[None]:
        """Keep a lease, and give it back."""
        keeping = None if self._alone else asyncio.create_task(self._keep(what))
        try:
            yield
        finally:
            self._ours.discard(what)
            if keeping is not None:
                keeping.cancel()
                release = partial(fetches.release, what=what, holder=self.holder)
                self._database.note(release).add_done_callback(heard)

    async def _claim(self, what: str) -> bool:
        if self._alone:
            free = what not in self._ours
            self._ours.add(what)
            return free
        claim = partial(fetches.claim, what=what, holder=self.holder, seconds=self._seconds)
        return await self._database.note(claim)

    async def _wait(self, what: str, behind: Wait) -> bool:
        """Until nobody fetches it any more; false where that was given up."""
        pause, most = _LOOK
        while await self._is_taken(what):
            if not await behind(pause):
                return False
            pause = min(pause * 1.5, most)
        return True

    async def _is_taken(self, what: str) -> bool:
        if self._alone:
            return what in self._ours
        return await self._database.read(partial(fetches.is_taken, what=what))

    async def tell(self, what: str, begun: Begun) -> None:
        """Say, to other processes and those to come, what has come of a blob."""
        tell = partial(
            fetches.tell, what=what, holder=self.holder, begun=begun, seconds=self._seconds
        )
        await self._database.note(tell)

    async def left(self, what: str, repository: Repository) -> str:
        """The piece in which lies what has come of a blob whose fetch broke off; "" for none."""
        if not self._alone and await self._database.read(
            partial(fetches.is_others, what=what, holder=self.holder)
        ):
            return ""
        found = await self._database.read(partial(fetches.begun, what=what))
        return found.piece if found is not None and found.repository == repository.name else ""

    async def _keep(self, what: str) -> None:
        renew = partial(fetches.renew, what=what, holder=self.holder, seconds=self._seconds)
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
