"""Jobs that run in a test."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from entrepot.db.database import Database
from entrepot.observe.metrics import Metrics
from entrepot.upkeep.job import Job
from entrepot.upkeep.runner import Runner


@asynccontextmanager
async def running(database: Database, *found: Job) -> AsyncIterator[Metrics]:
    """A runner for as long as the block lasts, which it must outlive."""
    metrics = Metrics()
    task = asyncio.create_task(Runner(database, found, metrics).run())
    try:
        yield metrics
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(what: Callable[[], bool]) -> None:
    """Wait for something, as long as a slow machine may need."""
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "not so after a minute"
        await asyncio.sleep(0.01)
