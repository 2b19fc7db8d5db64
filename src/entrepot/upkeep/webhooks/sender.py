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
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from functools import partial

from entrepot.auth.oidc.outbound import Outbound
from entrepot.db import deliveries, gauges, webhook_lines
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.deliveries import Delivery, Outcome
from entrepot.db.news import News, Watch
from entrepot.db.webhooks import Webhook
from entrepot.observe.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_LAG, Metrics
from entrepot.upkeep.follower import AGAIN, AWAY, LOOK, Follower
from entrepot.upkeep.job import Job
from entrepot.upkeep.webhooks import attempt, event
from entrepot.upkeep.webhooks.event import Event
from entrepot.upkeep.webhooks.pace import Pace
from entrepot.upkeep.webhooks.roster import Roster
from entrepot.upkeep.webhooks.settle import settle
from entrepot.upkeep.webhooks.turns import Turns

JOB = "webhooks"

_EXPIRE = 600.0
_PAGE = 1000
_FINISH = 5.0
"""Seconds that messages under way have in the end."""

_log = logging.getLogger("entrepot.webhooks")


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
        self._under_way: dict[tuple[str, str], asyncio.Task[None]] = {}
        """By webhook and repository."""
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
            tidy = partial(_tidy, pace=self._outlet.pace, now=self._now())
            if await self._database.note(tidy) < _PAGE:
                self._expired = now

    async def _launch(self, watch: Watch) -> float:
        """Send the first of each line whose time has come, as many as may be under way."""
        turns = Turns(self._under_way, self._failing)
        due = partial(_due, turns=turns, members=set(self._roster.members), now=self._now())
        found, next_at = await self._database.read(due)
        for delivery, told in found:
            member = self._roster.members[delivery.webhook]
            line = (delivery.webhook, delivery.repository)
            task = asyncio.create_task(self._deliver(member.hook, delivery, told))
            self._under_way[line] = task
            task.add_done_callback(partial(self._done, line, watch))
        return LOOK if next_at is None else min(LOOK, max(0.0, next_at - self._now()))

    def _done(self, line: tuple[str, str], watch: Watch, task: "asyncio.Task[None]") -> None:
        self._under_way.pop(line, None)
        if not task.cancelled() and (error := task.exception()):
            _log.error("sending to webhook %s failed", line[0], exc_info=error)
        watch.wake()

    async def _deliver(self, hook: Webhook, delivery: Delivery, told: Event | None) -> None:
        """Send, and write down what came of it."""
        now = self._now()
        if told is None:
            why = "the log of changes does not have it any more"
            outcome = Outcome(now, 0.0, error=why, lost=True)
        else:
            outcome = await self._sent(hook, told, now)
        (self._failing.add if outcome.error else self._failing.discard)(hook.id)
        result, write = settle(hook, delivery, outcome, self._outlet.pace)
        await self._note(write, told=outcome.status == attempt.GONE)
        self._metrics.add(WEBHOOK_ATTEMPTS, 1, result)

    async def _sent(self, hook: Webhook, told: Event, now: float) -> Outcome:
        outlet = self._outlet
        try:
            return await attempt.send(outlet.outbound, hook, told, outlet.base, now)
        except Exception as error:  # noqa: BLE001 - a fault of ours: at once it would be the same
            _log.error("nothing can be sent to webhook %s", hook.id, exc_info=error)
            return Outcome(now, 0.0, error=f"it cannot be sent: {type(error).__name__}")

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


def _tidy(db: Connection, pace: Pace, now: float) -> int:
    """Let old messages go, as many as are counted, and what a wrong clock has put off."""
    webhook_lines.hasten(db, now, pace.longest)
    return deliveries.expire(db, now - pace.kept, _PAGE)


def _due(
    db: Connection, turns: Turns, members: Set[str], now: float
) -> tuple[list[tuple[Delivery, Event | None]], float | None]:
    """What is sent now, and when the next line's time comes."""
    waiting = {each: at for each, at in webhook_lines.webhooks(db).items() if each in members}
    chosen = turns.begin(db, waiting, now)
    first = [deliveries.first(db, line.webhook, line.repository) for line in chosen]
    begun = turns.busy | {line.webhook for line in chosen}
    later = [webhook_lines.next_at(db, each, now) for each in begun & waiting.keys()]
    coming = [at for at in (*waiting.values(), *later) if at is not None and at > now]
    return (
        [(each, event.read(db, each.change)) for each in first if each is not None],
        min(coming, default=None),
    )
