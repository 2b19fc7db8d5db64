"""A rule at work: its tags are copied, some at once, and now and then all of them compared.

While the other registry is away, nothing more is asked of it for a while. What only this process
waits for goes by the clock that nobody sets.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from entrepot.db import replication_tags, replications
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.replication_tags import Entry, Item, Outcome, State
from entrepot.db.replications import Direction, Replication
from entrepot.observe.metrics import REPLICATED, Metrics
from entrepot.upkeep.follower import LOOK
from entrepot.upkeep.replication import compare, line, pull, push
from entrepot.upkeep.replication.crowd import COMPARE, Crowd
from entrepot.upkeep.replication.following import DAY, Following
from entrepot.upkeep.replication.pace import anew, delay
from entrepot.upkeep.replication.places import FullError
from entrepot.upkeep.replication.rest import Rest
from entrepot.upkeep.replication.way import Here, Way, why
from entrepot.upstream.cache.leases import heard
from entrepot.upstream.copying import Copier
from entrepot.upstream.place import BrokenError, HeldError, UpstreamError

T = TypeVar("T")

AT_ONCE = 4
"""Tags that are copied at a time, by one rule."""
_SURE = 1
"""Attempts after which what a rule there keeps as it is, is a conflict: a tag that floats follows
its version in a moment.
"""
_FINISH = 5.0
"""Seconds that copies under way have in the end."""

_log = logging.getLogger("entrepot.replication")


class Worker:
    """Made on the event loop. Raises `UnreadableError`."""

    def __init__(
        self, rule: Replication, here: Here, database: Database, metrics: Metrics, crowd: Crowd
    ) -> None:
        self.rule = rule
        self.way = Way(rule, here)
        self.begun = 0
        """How much it has begun."""
        self.noted = rule.cursor
        """How far the log was read, as it is written down."""
        self._database, self._metrics, self._crowd = database, metrics, crowd
        self._threads = ThreadPoolExecutor(AT_ONCE + 2, f"entrepot-replicate-{rule.name}")
        self._copier = Copier()
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._large = set[tuple[str, str, int]]()
        """What waits for a place for large images, by its turn."""
        self._rest = Rest()
        self._deep_at = float("-inf")
        self._again_at, self._partial = 0.0, 0
        """When all is compared once more, since some could not be, and how often that was so."""
        self._following = Following(self.way, rule.there)
        self._troubled = False
        self._due = 0.0
        """When it is to be looked what it has to do, as the process counts seconds."""

    def is_for(self, rule: Replication) -> bool:
        """Whether it does what a rule says now."""
        return _settings(self.rule) == _settings(rule)

    def renewed(self, rule: Replication) -> None:
        """Hear how far its rule is by now."""
        cursor = max(self.rule.cursor, rule.cursor)
        if rule.asked_at != self.rule.asked_at:
            self._rest.end()
            self._again_at = self._due = 0.0
        self.rule = replace(rule, cursor=cursor)

    async def close(self) -> None:
        """Stop what is under way."""
        self.way.close()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=_FINISH)
        self._copier.close(wait=False)  # this is the event loop
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.way.far.close()

    async def enlist(self, found: Mapping[Entry, float], *, ahead: float = 0.0) -> None:
        """Put tags in line, each with when it changed, before all that came in so many seconds."""
        for some in line.parts(found):
            at = time.time() - ahead
            put = partial(replication_tags.enlist, rule=self.rule.name, found=some, turn_at=at)
            await self._database.note(put)
            self._due = 0.0

    async def launch(self, wake: Callable[[], None]) -> float:
        """Begin what is due, as far as there is room; for how many seconds there is nothing more.
        It costs no query where nothing came since the last time: one that is busy wakes all.
        """
        if self._due <= time.monotonic():
            due, self._due = 0.0, float("inf")  # what comes from here on sets it back
            try:
                due = time.monotonic() + min(LOOK, await self._launch(wake))
            finally:
                self._due = min(self._due, due)
        now = time.monotonic()
        return max(self._due - now, self._crowd.wait(now))

    async def _launch(self, wake: Callable[[], None]) -> float:
        now, tick = time.time(), time.monotonic()
        if tick < self._rest.until:
            return self._rest.until - tick
        following = self._following
        if _FOLLOW not in self._tasks and following.due <= tick and (following.known or self._room):
            self._begin(_FOLLOW, self._follow(), wake, weight=0 if following.known else 1)
        if self._room and _COMPARE not in self._tasks and self._compare_in() <= 0:
            self._begin(_COMPARE, self._compare(), wake, weight=COMPARE)
        if not self._room:
            return 0.0
        room = AT_ONCE - len(self._tasks.keys() - {_COMPARE, _FOLLOW})
        for item in (await self._free(now))[: min(room, self._room)] if room > 0 else ():
            self._large.discard(_turn(item))
            self._begin(_key(item), self._copy(item), wake)
        if not self._room:
            return 0.0
        coming = await self._database.read(
            partial(replication_tags.next_at, rule=self.rule.name, now=now)
        )
        pauses = ((coming or 0.0) - now, self._compare_in(), following.due - tick)
        return min([LOOK, *(each for each in pauses if each > 0)])

    @property
    def _room(self) -> int:
        """How much more may begin, of all rules."""
        return self._crowd.room(time.monotonic())

    async def _free(self, now: float) -> list[Item]:
        """What is due, and can begin, in its order: of large images no more than have a place."""
        limit = AT_ONCE + len(self._tasks) + len(self._large)
        read = partial(replication_tags.due, rule=self.rule.name, now=now, limit=limit)
        found = await (self._database.scan if self._large else self._database.read)(read)
        self._large &= {_turn(each) for each in found}
        left = [each for each in found if _key(each) not in self._tasks]
        large = [turn for turn in map(_turn, left) if turn in self._large]
        waiting = set(large[self.way.places.left :])
        return [each for each in left if _turn(each) not in waiting]

    def _begin(
        self,
        key: tuple[str, str],
        work: Coroutine[None, None, None],
        wake: Callable[[], None],
        weight: int = 1,
    ) -> None:
        task = asyncio.create_task(work)
        self._tasks[key] = task
        self.begun += 1
        self._crowd.begin(task, time.monotonic(), weight)

        def done(ended: "asyncio.Task[None]") -> None:
            self._tasks.pop(key, None)
            self._crowd.end(ended)
            self._due = 0.0
            if not ended.cancelled() and (error := ended.exception()):
                _log.error("replication %s failed", self.rule.name, exc_info=error)
            wake()

        task.add_done_callback(done)

    async def _copy(self, item: Item) -> None:
        """Copy one, and write down what came of it."""
        try:
            outcome = await self._aside(lambda: self._copied(item))
            await self._ended(item, outcome)
        except FullError:
            self._large.add(_turn(item))
            return
        except Exception as error:  # noqa: BLE001 - it is tried again, and holds up no other
            await self._failed(item, error)
            return
        finally:
            self._copier.forget()
        self._went_on()

    def _copied(self, item: Item) -> Outcome | None:
        """What came of it; what the rule means no more is let go. Raises `UpstreamError`."""
        if not self.way.wanted.tag(item.tag):
            return None
        work = push.push if self.rule.direction is Direction.PUSH else pull.pull
        return work(self.way, self._copier, item)

    async def _ended(self, item: Item, outcome: Outcome | None) -> None:
        await self._database.note(partial(_end, item=item, outcome=outcome))
        result = outcome.state.value if outcome else "done"
        self._metrics.add(REPLICATED, 1, f"{self.rule.name},{result}")

    async def _failed(self, item: Item, error: Exception) -> None:
        if self.way.pace.stop.is_set():
            return
        told = why(error)
        if isinstance(error, HeldError) and item.attempts >= _SURE:
            await self._ended(item, Outcome(State.CONFLICT, "", "", told))
            return
        if not isinstance(error, UpstreamError):
            _log.error("replication %s failed: %s", self.rule.name, told, exc_info=error)
        if isinstance(error, BrokenError):
            self._broke(_key(item), error)
        self._metrics.add(REPLICATED, 1, f"{self.rule.name},failed")
        again = time.time() + delay(item.attempts + 1)
        fail = partial(replication_tags.fail, item=item, error=told, again_at=again)
        try:
            await self._database.note(fail)
        except sqlite3.Error:  # it is due still, and tried after a while
            await asyncio.sleep(LOOK)

    def _compare_in(self) -> float:
        """Seconds until all is to be compared."""
        following = self._following
        if not following.known:
            return float("inf")
        coming = self.rule.next_compare(following.least) - time.time()
        return max(coming, self._again_at - time.monotonic())

    async def _follow(self) -> None:
        """Read on in the other registry's log, or wait for what comes there."""
        following = self._following
        try:
            found = await self._aside(following.read)
            now = time.time()
            await self.enlist(found.entries, ahead=line.AHEAD)
            await self._database.note(partial(following.note, found=found, now=now))
        except Exception as error:  # noqa: BLE001 - it is tried again
            self._troubled = True
            await self._compare_failed(error)
            return
        following.went_on(found, time.monotonic())
        if found.anew:
            self.rule = replace(self.rule, asked_at=now)
        if self._troubled and found.end is not None:
            await self._end_compare(None, "")
        self._troubled = False
        self._went_on()

    async def _compare(self) -> None:
        """Have all compared, and what differs put in line as it is found."""
        began, tick, error, again = time.time(), time.monotonic(), "", False
        deep = self.rule.asked_at is not None and self.rule.next_compare() == 0
        deep = deep or tick - self._deep_at > DAY
        found = compare.compare(self.way, deep=deep)
        try:
            while (each := await self._aside(lambda: next(found, None))) is not None:
                error, again = each.trouble or error, again or each.again
                await self.enlist(dict.fromkeys(each.entries, time.time()))
        except Exception as failed:  # noqa: BLE001 - it is made again later
            await self._compare_failed(failed)
            return
        if again:
            await self._compare_again(tick, error)
            return
        if deep:
            self._deep_at = tick
        self._partial = 0
        await self._end_compare(began, error)

    async def _compare_again(self, began: float, error: str) -> None:
        """Have it made once more, for what could not be compared; nothing else waits for that."""
        self._partial += 1
        now, every = time.monotonic(), max(self.rule.every, self._following.least)
        self._again_at = now + anew(self._partial, now - began, every)
        await self._end_compare(None, error)

    async def _compare_failed(self, error: Exception) -> None:
        if self.way.pace.stop.is_set():
            return
        if not isinstance(error, UpstreamError):
            _log.error("the compare of %s failed", self.rule.name, exc_info=error)
        self._broke(None, error)
        await self._end_compare(None, f"it cannot be compared: {why(error)}")

    async def _end_compare(self, at: float | None, error: str) -> None:
        name = self.rule.name
        await self._database.note(partial(replications.compared, name=name, at=at, error=error))
        if at is not None:
            self._went_on()
            self.rule = replace(self.rule, compared_at=at)

    async def _aside(self, work: Callable[[], T]) -> T:
        """Work in a thread, which must be out of it before anything else ends."""
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, work)
        running.add_done_callback(heard)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self.way.close()
            await asyncio.wait([running])
            raise

    def _went_on(self) -> None:
        """The other registry does what it is asked for."""
        if self._rest.went_on():
            _log.info("replication %s goes on", self.rule.name)

    def _broke(self, image: tuple[str, str] | None, error: Exception) -> None:
        """Ask the other registry nothing for a while."""
        if self._rest.failed(image, error, time.monotonic()):
            _log.warning("replication %s waits, and tries again: %s", self.rule.name, why(error))


_COMPARE = ("", "")
_FOLLOW = ("", "follow")


def _key(item: Item) -> tuple[str, str]:
    return item.repository, item.tag


def _turn(item: Item) -> tuple[str, str, int]:
    return item.repository, item.tag, item.turn


def _settings(rule: Replication) -> Replication:
    """Without what the work itself changes."""
    return replace(rule, cursor=0, there=None, asked_at=None, compared_at=None, error="")


def _end(db: Connection, item: Item, outcome: Outcome | None) -> None:
    if outcome is None:
        replication_tags.forget(db, item)
    else:
        replication_tags.end(db, item, outcome, time.time())
