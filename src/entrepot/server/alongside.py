"""What a worker does beside answering: it watches its certificate and redirects plain HTTP.

It begins after the app's start and ends before the app's end, once the connections have gone.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeAlias

from uvicorn.config import Config
from uvicorn.lifespan.on import LifespanOn

Companion: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]
"""Runs for as long as its block lasts."""


class Lifespan(LifespanOn):
    """uvicorn's, with companions."""

    def __init__(self, config: Config, *, companions: Sequence[Companion]):
        super().__init__(config)
        self._companions = companions
        self._running = AsyncExitStack()

    async def startup(self) -> None:
        """Start the app, then its companions."""
        await super().startup()
        if not self.should_exit:
            for companion in self._companions:
                await self._running.enter_async_context(companion())

    async def shutdown(self) -> None:
        """Stop them in the other order."""
        await self._running.aclose()
        await super().shutdown()


@contextlib.asynccontextmanager
async def as_task(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Do work that never ends by itself until the block does."""
    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
