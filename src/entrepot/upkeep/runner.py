"""The runner: one per process; it looks for jobs that are due, and does those that it can lease.

Each runs in a task of its own, so one that hangs holds up no other. Whatever fails is tried again,
later and later; nothing ends the runner but the end of its process, which hands back what it holds.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Iterable
from functools import partial

from entrepot.db import jobs, moving
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.jobs import Standing
from entrepot.observe.logs import surprise
from entrepot.observe.metrics import JOB_RUNS, Metrics
from entrepot.redaction import redacted
from entrepot.upkeep import holder
from entrepot.upkeep.job import LEASE, Ending, Job, JobError, LeaseLostError, Run

POLL = 2.0
"""Seconds between two looks at what is due."""

AGAIN = 3600.0
"""Seconds until it is said once more which jobs this process has (`jobs.KEPT`)."""

_SOONEST = 0.01
_RETRY, _LATEST = 10.0, 600.0
"""Seconds until a job that failed is tried again: the first time, and at most."""
_PATIENCE = 10.0
"""Seconds that the jobs have to stop, and the database to hear of it."""

_spread = random.Random()  # noqa: S311 - of its own: the module's is its users', who may seed it

_log = logging.getLogger("entrepot.upkeep")


def delay(every: float | None, failures: int) -> float:
    """Seconds until a job is tried again that has failed so many times."""
    first = _RETRY if every is None else min(_RETRY, every)
    return min(first * 2.0 ** min(failures - 1, 30), max(_LATEST, first))


class Runner:
    """Does the jobs that this process can lease."""

    def __init__(
        self, database: Database, found: Iterable[Job], metrics: Metrics, *, again: float = AGAIN
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._jobs = {job.name: job for job in found}
        self._holder = holder.here()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again = again
        self._enlisted = float("-inf")
        """When it was said which jobs these are."""
        self._wake = asyncio.Event()
        """One has ended."""

    async def run(self) -> None:
        """Do jobs until cancelled."""
        failing = False
        try:
            while True:
                self._wake.clear()
                try:
                    pause = await self._begin_due()
                    failing = False
                except Exception as error:  # noqa: BLE001 - a dead task is not seen, nor replaced
                    if not failing:  # told once, not every second
                        text = "jobs cannot be looked for: %s; it is tried again"
                        _log.error(text, redacted(_said(error)), exc_info=surprise(error, JobError))
                    failing, pause = True, POLL
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):  # wait_for may swallow that it is cancelled
                        await self._wake.wait()
        finally:
            await self._stop()

    async def _stop(self) -> None:
        for task in self._running.values():
            task.cancel()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=_PATIENCE)

    async def _begin_due(self) -> float:
        """Begin what is due and free; how many seconds until the next look."""
        found = {each.name: each for each in await self._standings()}
        if await self._database.read(moving.frozen) is not None:
            return POLL  # it is being moved, and lies still
        now = time.time()
        idle = [found[name] for name in self._jobs if name not in self._running]
        for standing in idle:
            if standing.due(now) and (not standing.leased(now) or self._is_gone(standing.holder)):
                await self._claim(standing)
        coming = [each.next_at - now for each in idle if each.next_at and not each.due(now)]
        return max(_SOONEST, min(POLL * _spread.uniform(0.75, 1.25), *coming, POLL))

    async def _standings(self) -> list[Standing]:
        """How all jobs stand, of which a new process, or a new version, may bring some."""
        found, now = await self._database.read(jobs.every), time.monotonic()
        is_old = now - self._enlisted > self._again
        if is_old or not self._jobs.keys() <= {each.name for each in found}:
            await self._database.note(self._enlist)
            self._enlisted = now
            found = await self._database.read(jobs.every)
        return found

    def _enlist(self, db: Connection) -> None:
        rows = [(job.name, job.describe, job.every) for job in self._jobs.values()]
        jobs.enlist(db, rows)
        for job in self._jobs.values():
            if job.at or job.every is None:  # the settings may say another time by now
                jobs.retime(db, job.name, job.next_at(time.time()))

    def _is_gone(self, name: str) -> bool:
        """Whether nobody does what this holder has leased."""
        return name == self._holder or holder.gone(name)

    async def _claim(self, standing: Standing) -> None:
        name = standing.name
        before = standing.holder if self._is_gone(standing.holder) else ""
        claim = partial(jobs.claim, name=name, holder=self._holder, seconds=LEASE, before=before)
        claimed = await self._database.note(claim)
        if claimed is not None:
            self._running[name] = asyncio.create_task(self._do(self._jobs[name], claimed))

    async def _do(self, job: Job, found: Standing) -> None:
        """Run a job to its end, whatever that is, and write it down."""
        began = time.monotonic()
        run = Run(self._database, job.name, self._holder, found.progress)
        result = "ok"
        try:
            await _work(job, run)
            coming = job.next_at(found.started_at or time.time())
            await self._settle(run, partial(jobs.finish, next_at=coming))
            if found.failures:
                _log.info("job %s works again", job.name)
        except asyncio.CancelledError:
            result = "lost" if run.lost else "stopped"
            if not run.lost:
                await self._settle(run, jobs.hand_back)
                raise
        except LeaseLostError:
            result = "lost"
        except Exception as error:  # noqa: BLE001 - the next run may go better
            result = "failed"
            lasted = time.monotonic() - began
            await self._failed(job, run, found.failures if lasted < _LATEST else 0, error)
        finally:
            self._metrics.add(JOB_RUNS, 1, f"{job.name},{result}")
            self._running.pop(job.name, None)
            self._wake.set()

    async def _failed(self, job: Job, run: Run, failures: int, error: Exception) -> None:
        """`failures` came before in a row: some jobs work for weeks until one does."""
        seconds = delay(job.every, failures + 1)
        if not failures:  # told once, not each time
            text = "job %s failed: %s; it is tried again"
            _log.error(text, job.name, redacted(_said(error)), exc_info=surprise(error, JobError))
        run.report(error=_said(error))
        fail = partial(jobs.fail, next_at=time.time() + seconds, failures=failures + 1)
        await self._settle(run, fail)

    async def _settle(self, run: Run, write: Ending) -> None:
        """Write down how it ended; where that cannot be, the lease lapses, and the job is done
        once more.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                await run.end(write)
        except Exception as error:  # noqa: BLE001 - the lease lapses
            _log.warning("how job %s ended cannot be written down: %s", run.name, error)


async def _work(job: Job, run: Run) -> None:
    """Do it, and keep the lease meanwhile."""
    work = asyncio.ensure_future(job.work(run))
    keeping = asyncio.create_task(run.keep(work.cancel))
    try:
        await work
    finally:
        keeping.cancel()


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
