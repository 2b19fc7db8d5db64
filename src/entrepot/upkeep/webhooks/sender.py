"""The sender: reads the log, puts what is wanted in line, and sends the first of each line.

It is a job: one process of all does it. A receiver that fails is given one message at a time, and
all of those together a part of what may be under way: so it holds up no other. What a killed
process had sent and not written down is sent again; nothing is written down before it was sent.
Next: `roster` reads the log, `turns` says whose turn it is, `attempt` sends, `settle` writes
it down.
"""

import asyncio
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from functools import partial

from entrepot.auth.oidc.outbound import Outbound
from entrepot.db import deliveries, gauges, moving
from entrepot.db.changes import Kind
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.deliveries import Delivery, Outcome
from entrepot.db.log import EVERYTHING
from entrepot.db.news import News, Watch
from entrepot.db.webhooks import Webhook
from entrepot.observe.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_LAG, Metrics
from entrepot.upkeep.job import Job, Run
from entrepot.upkeep.webhooks import attempt, event, turns
from entrepot.upkeep.webhooks.event import Event
from entrepot.upkeep.webhooks.pace import Pace
from entrepot.upkeep.webhooks.roster import Roster
from entrepot.upkeep.webhooks.settle import settle

JOB = "webhooks"

_LOOK = 5.0
"""Seconds after which it is looked who there is, where nothing was heard."""
_EXPIRE = 600.0
_PAGE = 1000
_AGAIN = 2.0
"""Seconds until what could not be written down is written once more."""
_FINISH = 5.0
"""Seconds that messages under way have in the end."""

_log = logging.getLogger("entrepot.webhooks")

Line = tuple[str, str]
"""Webhook and repository."""

_AWAY = (sqlite3.Error, moving.FrozenError)
"""What says that nothing can be written now: the database is away, or frozen while it is moved."""


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where messages go out, and how."""

    outbound: Outbound
    base: str = ""
    """The registry's own address, as receivers are told; "" where it is not known."""
    pace: Pace = field(default_factory=Pace)


class Sender:
    """Sends for as long as it runs."""

    def __init__(
        self,
        database: Database,
        news: News,
        metrics: Metrics,
        outlet: Outlet,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._news = news
        self._metrics = metrics
        self._outlet = outlet
        self._now = now
        self._roster = Roster(database)
        self._stale = True
        """Whether there may be other webhooks by now."""
        self._looked = self._expired = float("-inf")
        self._under_way: dict[Line, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()
        self._failing: set[str] = set()
        """Webhooks whose last message failed."""

    def job(self, pause: float) -> Job:
        """What runs it, and looks so often whether there is anybody to send to."""
        return Job(JOB, self.run, pause, "Tells webhooks what has changed.")

    async def run(self, run: Run) -> None:
        """Send until cancelled, or there is nobody to send to."""
        failing, self._stale = False, True
        try:
            with self._news.watch(self._hear) as watch:
                while True:
                    try:
                        pause = await self._step(watch)
                        failing = False
                        run.report(error="")
                    except _AWAY as error:
                        if not failing:  # told once, not each time
                            _log.error("webhooks wait: %s; it is tried again", error)
                        failing, pause = True, _AGAIN
                        run.report(error=f"webhooks wait: {error}")
                    if pause is None:
                        return
                    await watch.wait(pause)
        finally:
            await self._finish()

    def _hear(self, kind: str, _repository: str) -> bool:
        if kind in (Kind.ACCESS, EVERYTHING):
            self._stale = True
        return True

    async def _finish(self) -> None:
        tasks = list(self._under_way.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_FINISH)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _step(self, watch: Watch) -> float | None:
        """Do what there is to do; for how long there is nothing more, None for ever."""
        if self._news.closed:
            await asyncio.sleep(_LOOK)  # the server stops, and another goes on
            return _LOOK
        if await self._database.read(moving.frozen) is not None:
            return _LOOK
        if self._stale or time.monotonic() - self._looked > _LOOK:
            self._stale = False
            await self._look()
        if not (self._roster.members or self._under_way):
            return None
        more = await self._roster.forward()
        pause = await self._launch(watch)
        return 0.0 if more else pause

    async def _look(self) -> None:
        await self._roster.learn()
        self._failing &= self._roster.members.keys()
        self._looked = time.monotonic()
        lag = await self._database.scan(partial(deliveries.lag, now=self._now()))
        await self._database.note(partial(gauges.put, values={WEBHOOK_LAG: lag}))
        if self._looked - self._expired > _EXPIRE:
            before = self._now() - self._outlet.pace.kept
            expire = partial(deliveries.expire, before=before, limit=_PAGE)
            if await self._database.note(expire) < _PAGE:
                self._expired = self._looked

    async def _launch(self, watch: Watch) -> float:
        """Send the first of each line whose time has come, as many as may be under way."""
        room = turns.room(self._roster.members, self._busy, self._failing)
        read = partial(_due, room=room, taken=set(self._under_way), now=self._now())
        found, next_at = await self._database.read(read)
        for delivery, told in found:
            member = self._roster.members[delivery.webhook]
            line = (delivery.webhook, delivery.repository)
            task = asyncio.create_task(self._deliver(member.hook, delivery, told))
            self._under_way[line] = task
            self._busy[delivery.webhook] += 1
            task.add_done_callback(partial(self._done, line, watch))
        return _LOOK if next_at is None else min(_LOOK, max(0.0, next_at - self._now()))

    def _done(self, line: Line, watch: Watch, task: "asyncio.Task[None]") -> None:
        self._under_way.pop(line, None)
        self._busy[line[0]] -= 1
        if not task.cancelled() and (error := task.exception()):
            _log.error("sending to webhook %s failed", line[0], exc_info=error)
        watch.wake()

    async def _deliver(self, hook: Webhook, delivery: Delivery, told: Event | None) -> None:
        """Send, and write down what came of it."""
        now, outlet = self._now(), self._outlet
        if told is None:
            why = "the log of changes does not have it any more"
            outcome = Outcome(now, 0.0, error=why, lost=True)
        else:
            outcome = await attempt.send(outlet.outbound, hook, told, outlet.base, now)
        (self._failing.add if outcome.error else self._failing.discard)(hook.id)
        result, write = settle(hook, delivery, outcome, outlet.pace)
        await self._note(write, told=outcome.status == attempt.GONE)
        self._metrics.add(WEBHOOK_ATTEMPTS, 1, result)

    async def _note(self, write: Callable[[Connection], None], *, told: bool) -> None:
        """Write it down, however long that takes: meanwhile its line is sent nothing. Whatever
        changes the webhook itself is `told` to all.
        """
        said = False
        while True:
            try:
                await (self._database.write if told else self._database.note)(write)
            except _AWAY as error:
                if not said:
                    _log.warning("what came of a webhook cannot be written down: %s", error)
                said = True
                await asyncio.sleep(_AGAIN)
            else:
                self._stale = self._stale or told
                return


def _due(
    db: Connection, room: Mapping[str, int], taken: Set[Line], now: float
) -> tuple[list[tuple[Delivery, Event | None]], float | None]:
    """What may be sent now, and when the next line's time comes."""
    found: list[tuple[Delivery, Event | None]] = []
    coming: list[float] = []
    for number, most in room.items():
        own = sum(webhook == number for webhook, _ in taken)
        lines = deliveries.due(db, number, now, most + own)
        free = [each for each in lines if (each.webhook, each.repository) not in taken]
        found += [(each, event.read(db, each.change)) for each in free[:most]]
        if (later := deliveries.next_at(db, number, now)) is not None:
            coming.append(later)
    return found, min(coming, default=None)
