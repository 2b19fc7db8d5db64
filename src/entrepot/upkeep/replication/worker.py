"""A rule at work: its tags are copied, some at once, and now and then all of them compared.

While the other registry is away, nothing more is asked of it for a while.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from entrepot.db import replication_tags, replications
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.replication_tags import Item, Outcome
from entrepot.db.replications import Direction, Replication
from entrepot.observe.metrics import REPLICATED, Metrics
from entrepot.upkeep.replication import compare, pull, push
from entrepot.upkeep.replication.pace import StoppedError, delay
from entrepot.upkeep.replication.way import Here, Way
from entrepot.upstream.copying import Copier
from entrepot.upstream.place import BrokenError, RefusedError, UpstreamError

T = TypeVar("T")

AT_ONCE = 4
"""Tags that are copied at a time, by one rule."""
_LOOK = 5.0

_log = logging.getLogger("entrepot.replication")


class Worker:
    """Made on the event loop. Raises `UnreadableError`."""

    def __init__(self, rule: Replication, here: Here, database: Database, metrics: Metrics) -> None:
        self.rule = rule
        self.way = Way(rule, here)
        self.noted = rule.cursor
        """How far the log was read, as it is written down."""
        self._database, self._metrics = database, metrics
        self._threads = ThreadPoolExecutor(AT_ONCE + 1, f"entrepot-replicate-{rule.name}")
        self._copier = Copier()
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._failures, self._rests_until = 0, 0.0

    def is_for(self, rule: Replication) -> bool:
        """Whether it does what a rule says now."""
        return _settings(self.rule) == _settings(rule)

    def renewed(self, rule: Replication) -> None:
        """Hear how far its rule is by now."""
        cursor = max(self.rule.cursor, rule.cursor)
        if rule.asked_at != self.rule.asked_at:
            self._failures, self._rests_until = 0, 0.0
        self.rule = replace(rule, cursor=cursor)

    async def close(self) -> None:
        """Stop what is under way, and write down how far the log was read."""
        self.way.close()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))
        self._copier.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.way.far.close()

    async def launch(self, wake: Callable[[], None]) -> float:
        """Begin what is due; for how many seconds there is nothing more."""
        now = time.time()
        if now < self._rests_until:
            return self._rests_until - now
        if _COMPARE not in self._tasks and self.rule.next_compare() <= now:
            self._begin(_COMPARE, self._compare(), wake)
        room = AT_ONCE - len(self._tasks.keys() - {_COMPARE})
        if room > 0:
            read = partial(
                replication_tags.due,
                rule=self.rule.name,
                now=now,
                limit=AT_ONCE + len(self._tasks),
            )
            found = await self._database.read(read)
            free = [each for each in found if _key(each) not in self._tasks]
            for item in free[:room]:
                self._begin(_key(item), self._copy(item), wake)
        coming = await self._database.read(
            partial(replication_tags.next_at, rule=self.rule.name, now=now)
        )
        return _LOOK if coming is None else min(_LOOK, coming - now)

    def _begin(
        self,
        key: tuple[str, str],
        work: Coroutine[None, None, None],
        wake: Callable[[], None],
    ) -> None:
        task = asyncio.create_task(work)
        self._tasks[key] = task

        def done(ended: "asyncio.Task[None]") -> None:
            self._tasks.pop(key, None)
            if not ended.cancelled() and (error := ended.exception()):
                _log.error("replication %s failed", self.rule.name, exc_info=error)
            wake()

        task.add_done_callback(done)

    async def _copy(self, item: Item) -> None:
        """Copy one, and write down what came of it."""
        work = push.push if self.rule.direction is Direction.PUSH else pull.pull
        try:
            outcome = await self._aside(lambda: work(self.way, self._copier, item))
        except StoppedError:
            return
        except UpstreamError as error:
            self._heard(error)
            again = time.time() + delay(item.attempts + 1)
            fail = partial(replication_tags.fail, item=item, error=str(error), again_at=again)
            await self._database.note(fail)
            self._metrics.add(REPLICATED, 1, f"{self.rule.name},failed")
            return
        self._failures = 0
        await self._database.note(partial(_end, item=item, outcome=outcome))
        result = outcome.state.value if outcome else "done"
        self._metrics.add(REPLICATED, 1, f"{self.rule.name},{result}")

    async def _compare(self) -> None:
        """Have all compared, and what differs put in line as it is found."""
        began, name = time.time(), self.rule.name
        found = compare.compare(self.way)
        error = ""
        try:
            while (entries := await self._aside(lambda: next(found, None))) is not None:
                if entries:
                    now = time.time()
                    enlist = partial(
                        replication_tags.enlist, rule=name, found=entries, at=now, now=now
                    )
                    await self._database.note(enlist)
        except StoppedError:
            return
        except UpstreamError as failed:
            self._heard(failed)
            error = f"the compare failed: {failed}"
            self._rest()
        at = None if error else began
        await self._database.note(partial(replications.compared, name=name, at=at, error=error))
        if at is not None:
            self.rule = replace(self.rule, compared_at=at)

    async def _aside(self, work: Callable[[], T]) -> T:
        """Work in a thread, which must be out of it before anything else ends."""
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self.way.close()
            await asyncio.wait([running])
            raise

    def _heard(self, error: UpstreamError) -> None:
        if isinstance(error, BrokenError | RefusedError):
            self._rest(error.wait if isinstance(error, BrokenError) else 0.0)

    def _rest(self, seconds: float = 0.0) -> None:
        """Ask the other registry nothing for a while."""
        now = time.time()
        if now >= self._rests_until:
            self._failures += 1
            if self._failures == 1:
                _log.warning("replication %s waits for %s", self.rule.name, self.rule.url)
        self._rests_until = now + max(seconds, delay(self._failures))


_COMPARE = ("", "")


def _key(item: Item) -> tuple[str, str]:
    return item.repository, item.tag


def _settings(rule: Replication) -> Replication:
    """Without what the work itself changes."""
    return replace(rule, cursor=0, asked_at=None, compared_at=None, error="")


def _end(db: Connection, item: Item, outcome: Outcome | None) -> None:
    if outcome is None:
        replication_tags.forget(db, item)
    else:
        replication_tags.end(db, item, outcome, time.time())
