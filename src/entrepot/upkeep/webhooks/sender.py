"""The sender: reads the log, puts what is wanted in line, and sends the first of each line.

It is a job: one process of all does it. A receiver that fails is given one message at a time, and
all of those together a part of what may be under way: so it holds up no other. What a killed
process had sent and not written down is sent again; nothing is written down before it was sent.
Next: `roster` reads the log, `turns` says whose turn it is, `attempt` sends, `settle` writes
it down.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from functools import partial

from entrepot.auth.oidc.outbound import Outbound
from entrepot.db import deliveries, gauges
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.deliveries import Delivery, Outcome
from entrepot.db.news import News, Watch
from entrepot.db.webhooks import Webhook
from entrepot.observe.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_LAG, Metrics
from entrepot.upkeep.follower import AGAIN, AWAY, LOOK, Follower
from entrepot.upkeep.job import Job
from entrepot.upkeep.webhooks import attempt, event, turns
from entrepot.upkeep.webhooks.event import Event
from entrepot.upkeep.webhooks.pace import Pace
from entrepot.upkeep.webhooks.roster import Roster
from entrepot.upkeep.webhooks.settle import settle

JOB = "webhooks"

_EXPIRE = 600.0
_PAGE = 1000
_FINISH = 5.0
"""Seconds that messages under way have in the end."""

_log = logging.getLogger("entrepot.webhooks")

Line = tuple[str, str]
"""Webhook and repository."""


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
        self._metrics = metrics
        self._outlet = outlet
        self._now = now
        self._roster = Roster(database)
        self._follower = Follower(JOB, self, database, news)
        self._expired = float("-inf")
        self._under_way: dict[Line, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()
        self._failing: set[str] = set()
        """Webhooks whose last message failed."""

    def job(self, pause: float) -> Job:
        """What runs it, and looks so often whether there is anybody to send to."""
        return self._follower.job(pause, "Tells webhooks what has changed.")

    async def finish(self) -> None:
        """Have messages under way end, within seconds."""
        tasks = list(self._under_way.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_FINISH)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def step(self, watch: Watch) -> float | None:
        """Put in line what came, and send what may be sent."""
        if not (self._roster.members or self._under_way):
            return None
        more = await self._roster.forward()
        pause = await self._launch(watch)
        return 0.0 if more else pause

    async def look(self) -> None:
        """Learn which webhooks there are, and let old messages go."""
        await self._roster.learn()
        self._failing &= self._roster.members.keys()
        lag = await self._database.scan(partial(deliveries.lag, now=self._now()))
        await self._database.note(partial(gauges.put, values={WEBHOOK_LAG: lag}))
        now = time.monotonic()
        if now - self._expired > _EXPIRE:
            before = self._now() - self._outlet.pace.kept
            expire = partial(deliveries.expire, before=before, limit=_PAGE)
            if await self._database.note(expire) < _PAGE:
                self._expired = now

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
        return LOOK if next_at is None else min(LOOK, max(0.0, next_at - self._now()))

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
            except AWAY as error:
                if not said:
                    _log.warning("what came of a webhook cannot be written down: %s", error)
                said = True
                await asyncio.sleep(AGAIN)
            else:
                self._follower.stale = self._follower.stale or told
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
