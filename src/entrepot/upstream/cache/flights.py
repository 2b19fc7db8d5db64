"""`Flights`: however many ask for the same thing at once, it is fetched once.

Whoever goes away stops nothing; the others, and the cache, get it all the same.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """What is under way in this process, by its name."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[T]] = {}

    async def once(self, what: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What comes of it; made now, unless it is under way."""
        return await asyncio.shield(self.begin(what, make))

    def begin(self, what: str, make: Callable[[], Coroutine[Any, Any, T]]) -> "asyncio.Task[T]":
        """The same as a task, which is nobody's: whoever waits for it shields it."""
        task = self._under_way.get(what)
        if task is None:
            task = self._under_way[what] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._ended(what, done))
        return task

    def _ended(self, what: str, task: asyncio.Task[T]) -> None:
        del self._under_way[what]
        if not task.cancelled():
            task.exception()  # whoever still waits is told

    async def close(self) -> None:
        """End them all."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
