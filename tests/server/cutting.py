"""Cutting an app off when a test says so, and not by the clock."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def cut_off(when: threading.Event) -> AsyncIterator[None]:
    """The block ends with TimeoutError once the event is set."""
    async with asyncio.timeout(None) as limit:
        waiting = asyncio.create_task(_end(limit, when))
        try:
            yield
        finally:
            waiting.cancel()


async def _end(limit: asyncio.Timeout, when: threading.Event) -> None:
    while not when.is_set():  # noqa: ASYNC110 - it is set by another thread
        await asyncio.sleep(0.01)
    limit.reschedule(asyncio.get_running_loop().time())
