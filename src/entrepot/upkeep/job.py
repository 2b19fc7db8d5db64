"""`Job` and `Run`: work in the background, and what it is given while it runs.

A job can be cut anywhere and goes on from its cursor, in this process or another. Two may do the
same for a moment, so whatever it does, it can be done twice. Next: `upkeep.runner`, `db.jobs`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from entrepot.db import jobs
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.jobs import Progress
from entrepot.redaction import redacted

LEASE = 30.0
"""Seconds after which another process may go on, where the lease was not renewed."""
RENEW = 10.0
"""Seconds after which it is renewed at the latest."""
TICK = 2.0
"""Seconds between two looks whether there is something to write down."""

_REST = 5.0
_DAY = 24 * 3600

Ending = Callable[[Connection, str, str, Progress], None]
"""Gives a lease back: a job's name, its holder and how far it is."""


class JobError(Exception):
    """Why a job cannot go on, in words for the operator: where it was raised adds nothing."""


class LeaseLostError(Exception):
    """Another process does the job by now."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done again and again, or when somebody asks for it."""

    name: str
    work: Callable[["Run"], Awaitable[object]]
    every: float | None
    """Seconds from the end of a run to the next; None where it runs only when asked for."""
    describe: str
    """What it does, in some words."""
    at: tuple[int, ...] = ()
    """Seconds after midnight, UTC, when it runs each day, in place of `every` seconds later."""

    def next_at(self, began: float) -> float | None:
        """The first of its times after a run began: so one that passed meanwhile is caught up."""
        midnight = began - began % _DAY
        coming = [t for each in self.at for t in (midnight + each, midnight + each + _DAY)]
        return min((t for t in coming if t > began), default=None)


class Run:
    """A run of a job, on the event loop."""

    def __init__(self, database: Database, name: str, holder: str, start: Progress) -> None:
        self.name = name
        self.now = start
        """How far it is."""
        self.lost = False
        """Whether another process has the lease."""
        self._database = database
        self._holder = holder
        self._told = start
        self._renewed = self._rested = time.monotonic()

    @property
    def cursor(self) -> str:
        """Where to go on; "" to begin."""
        return self.now.cursor

    def report(
        self,
        done: int | None = None,
        total: int | None = None,
        note: str | None = None,
        cursor: str | None = None,
        error: str | None = None,
    ) -> None:
        """Say how far it is; what is None stays as it was. It is written down soon."""
        given = {"done": done, "total": total, "note": note, "cursor": cursor, "error": error}
        changed = {name: value for name, value in given.items() if value is not None}
        self.now = replace(self.now, **changed)  # type: ignore[arg-type]

    async def progress(
        self,
        done: int,
        total: int | None = None,
        note: str | None = None,
        cursor: str | None = None,
    ) -> None:
        """The same, written down at once. Raises `LeaseLostError`."""
        self.report(done, total, note, cursor)
        await self.renew()

    async def pause(self) -> None:
        """Rest as long as was worked since the last pause, so that half of the time is others'."""
        await asyncio.sleep(min(time.monotonic() - self._rested, _REST))
        self._rested = time.monotonic()

    async def renew(self) -> None:
        """Keep the lease, and write down how far it is. Raises `LeaseLostError`."""
        began, told = time.monotonic(), self.now
        renewing = partial(
            jobs.renew, name=self.name, holder=self._holder, seconds=LEASE, progress=clean(told)
        )
        async with asyncio.timeout(RENEW):
            ours = await self._database.note(renewing)
        if not ours:
            self.lost = True
            raise LeaseLostError(f"another process does {self.name} by now")
        self._renewed, self._told = began, told

    async def end(self, write: Ending) -> None:
        """Give the lease back, and write down how it ended."""
        await self._database.note(lambda db: write(db, self.name, self._holder, clean(self.now)))

    async def keep(self, stop: Callable[[], object]) -> None:
        """Renew the lease for as long as it runs; once it is lost, `stop` what is under way."""
        while not self.lost:
            await asyncio.sleep(TICK)
            age = time.monotonic() - self._renewed
            try:
                if age > RENEW or self.now != self._told:
                    await self.renew()
            except LeaseLostError:
                break
            except Exception:  # noqa: BLE001 - the database may be back before the lease lapses
                self.lost = age > LEASE - RENEW
        stop()


def clean(progress: Progress) -> Progress:
    """Without what nobody should read, and not longer than anybody would."""
    note, error = redacted(progress.note)[:500], redacted(progress.error)[:500]
    return replace(progress, note=note, error=error)
