"""Runs the first step of a coroutine at once, and makes a task of it only if that is not the end.

Most answers are ready without waiting for anything: they then need no task and no turn of the loop.
Python 3.12 has eager tasks; this serves 3.11 too. Each step runs inside a real task, so that
`asyncio.current_task`, `asyncio.timeout` and anyio work: a spare task is kept parked, lends its
name to first steps, and adopts the first coroutine that has to wait. Then a new spare is made.
"""

import asyncio
import functools
import types
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from uvicorn.server import ServerState

Begun: TypeAlias = tuple[Coroutine[Any, Any, None], Any]
"""A coroutine whose first step has run, and what it waits for."""


@types.coroutine
def _go_on(begun: Begun) -> Generator[Any, Any, None]:
    """Drive a coroutine from its second step on; what it waits for is passed up to the task."""
    coroutine, waits_for = begun
    while True:
        try:
            value = yield waits_for
        except BaseException as error:  # noqa: BLE001 (whatever it is, it is the coroutine's)
            step = functools.partial(coroutine.throw, error)
        else:
            step = functools.partial(coroutine.send, value)
        try:
            waits_for = step()
        except StopIteration:
            return


class _Spare:
    """A task that waits for a coroutine to adopt."""

    __slots__ = ("context", "job", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop, last: "_Spare | None"):
        if last is not None and not last.job.done():
            last.job.set_result(None)  # somebody left a trace in it: let it end
        self.job: asyncio.Future[Begun | None] = loop.create_future()
        self.context = Context()  # empty, so that "nothing was set" can be seen: len() == 0
        self.task = loop.create_task(self._adopt(), context=self.context)

    async def _adopt(self) -> None:
        begun = await self.job
        if begun is not None:
            await _go_on(begun)

    @property
    def untouched(self) -> bool:
        return not self.context and not self.task.cancelling() and not self.task.done()


class Starter:
    """Starts coroutines eagerly on one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self._spare: _Spare | None = None

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run the first step now; return the task that does the rest, or None if there is none.

        Every coroutine begins with an empty context, so that nothing leaks from one to the next.
        """
        if asyncio.current_task(self._loop) is not None:  # only one can run at a time
            return self._loop.create_task(coroutine)
        spare, self._spare = self._spare, None
        if spare is None or not spare.untouched:
            spare = _Spare(self._loop, spare)
        asyncio._enter_task(self._loop, spare.task)  # noqa: SLF001 (asyncio's docs, "Extending")
        try:
            waits_for = spare.context.run(coroutine.send, None)
        except BaseException as error:
            self._spare = spare
            if isinstance(error, StopIteration):
                return None
            raise
        finally:
            asyncio._leave_task(self._loop, spare.task)  # noqa: SLF001
        spare.job.set_result((coroutine, waits_for))
        return spare.task


_starters: WeakKeyDictionary[ServerState, Starter] = WeakKeyDictionary()


def starter_of(state: ServerState, loop: asyncio.AbstractEventLoop) -> Starter:
    """Return the one starter of a server."""
    starter = _starters.get(state)
    if starter is None:
        starter = _starters[state] = Starter(loop)
    return starter
