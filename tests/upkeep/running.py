"""Jobs that run in a test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from entrepot.db.database import Database
from entrepot.observe.metrics import Metrics
from entrepot.upkeep.job import Job
from entrepot.upkeep.runner import AGAIN, Runner


@asynccontextmanager
async def running(database: Database, *found: Job, again: float = AGAIN) -> AsyncIterator[Metrics]:
    """A runner for as long as the block lasts, which it must outlive."""
    metrics = Metrics()
    task = asyncio.create_task(Runner(database, found, metrics, again=again).run())
    try:
        yield metrics
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
