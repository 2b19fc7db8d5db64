"""The replicator: has each rule's tags put in line, and copied, as long as there are rules.

It is a job: one process of all does it. A registry that is away holds up its own rules alone: they
are left alone for a while, longer and longer. What a killed process had not written down is done
once more, and finds most of it there. Next: `worker` does what one rule has to do.
"""

import asyncio
import logging
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from entrepot.addresses import Network
from entrepot.blobstore.store import Store
from entrepot.db import changes, gauges, replicated, replication_tags, replications
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.news import News, Watch
from entrepot.db.replications import Direction, Replication
from entrepot.db.trash import Keep
from entrepot.observe.metrics import (
    REPLICATION_CONFLICTS,
    REPLICATION_LAG,
    REPLICATION_WAITING,
    Metrics,
)
from entrepot.upkeep.follower import LOOK, WINDOW, Follower, fronts, window
from entrepot.upkeep.job import Job
from entrepot.upkeep.locked import Locked
from entrepot.upkeep.replication import line
from entrepot.upkeep.replication.crowd import Crowd
from entrepot.upkeep.replication.line import AHEAD
from entrepot.upkeep.replication.local import Local
from entrepot.upkeep.replication.pace import LATEST
from entrepot.upkeep.replication.way import Here
from entrepot.upkeep.replication.worker import Worker

JOB = "replication"

_SHARE, _LATEST = 50, 60.0
"""How much longer than a count of what waits took is waited with the next, and seconds at most."""

_log = logging.getLogger("entrepot.replication")


class Replicator:
    """Copies for as long as it runs."""

    def __init__(
        self,
        database: Database,
        store: Store,
        news: News,
        metrics: Metrics,
        *,
        allow: tuple[Network, ...],
        address: str,
        keep: Keep,
        disk: Path | None,
    ) -> None:
        self._database, self._store, self._metrics = database, store, metrics
        self._allow, self._address, self._keep, self._disk = allow, address, keep, disk
        self._workers: dict[str, Worker] = {}
        """Who has begun something last comes last."""
        self._crowd = Crowd()
        self._here: Here | None = None
        self._follower = Follower(JOB, self, database, news)
        self._measure_at = float("-inf")
        self._locked = Locked(_log, "replication %s cannot be opened, and waits: %s")

    def job(self, pause: float) -> Job:
        """What runs it, and looks so often whether there are rules."""
        return self._follower.job(pause, "Copies images to other registries, and from them.")

    async def finish(self) -> None:
        """Cut off what is under way."""
        workers, self._workers = self._workers, {}
        await asyncio.gather(*(each.close() for each in workers.values()))

    async def step(self, watch: Watch) -> float | None:
        """Put in line what came, and have it copied."""
        if not self._workers:
            return None
        more = await self._forward()
        pauses = [await self._launch(name, watch) for name in list(self._workers)]
        return 0.0 if more else min([LOOK, *pauses])

    async def _launch(self, name: str, watch: Watch) -> float:
        """Have a rule's work begin; then it is the others' turn."""
        worker = self._workers[name]
        begun = worker.begun
        pause = await worker.launch(watch.wake)
        if worker.begun > begun:
            self._workers[name] = self._workers.pop(name)
        return pause

    async def look(self) -> None:
        """Learn which rules there are by now, and how they stand."""
        if self._here is None:
            name = await self._database.write(replicated.own)
            loop = asyncio.get_running_loop()
            local = Local(self._database, self._store, loop, self._keep, self._disk)
            self._here = Here(local, name, self._address, self._allow)
        found = {rule.name: rule for rule in await self._database.scan(self._rules)}
        for name in self._workers.keys() - found.keys():
            await self._workers.pop(name).close()
        for name, rule in found.items():
            await self._learn(name, rule)
        if time.monotonic() >= self._measure_at:
            await self._measure()

    async def _measure(self) -> None:
        """Count what waits: the more that is, the less often."""
        began = time.monotonic()
        values = await self._database.scan(partial(_measured, now=time.time()))
        now = time.monotonic()
        self._measure_at = now + min(max(LOOK, _SHARE * (now - began)), _LATEST)
        rules = list(self._workers)
        await self._database.note(partial(_note, values=values, rules=rules, now=time.time()))

    async def _learn(self, name: str, rule: Replication) -> None:
        worker = self._workers.get(name)
        if worker is not None and worker.is_for(rule):
            worker.renewed(rule)
            return
        if worker is not None:
            await self._workers.pop(name).close()
        assert self._here is not None
        try:
            worker = Worker(rule, self._here, self._database, self._metrics, self._crowd)
            self._workers[name] = worker
        except ValueError as error:  # a range that this version does not read
            await self._database.note(partial(_broken, name=name, error=str(error)))

    def _rules(self, db: Connection) -> list[Replication]:
        names = replications.names(db)
        found = [self._locked.opened(name, replications.find(db, name)) for name in names]
        return [rule for rule in found if rule is not None and not rule.paused]

    async def _forward(self) -> bool:
        """Put in line what came since the last time; whether there may be more."""
        behind = [each for each in self._workers.values() if each.rule.direction is Direction.PUSH]
        cursors = [each.rule.cursor for each in behind]
        return any([await self._window(behind, each) for each in fronts(cursors)])

    async def _window(self, behind: list[Worker], cursor: int) -> bool:
        """Take up some rows of the log, for all who have come to where they begin."""
        rows, end, is_last = await self._database.read(partial(window, cursor=cursor))
        for worker in behind:
            if cursor <= worker.rule.cursor < end:
                new = [row for row in rows if row.id > worker.rule.cursor]
                relevant = any(worker.way.wanted.repository(row.repository) for row in new)
                if relevant or not is_last or end - worker.noted > WINDOW:
                    await self._enlist(worker, new if relevant else [], end)
                worker.rule = replace(worker.rule, cursor=end)
        return not is_last

    async def _enlist(self, worker: Worker, rows: list[changes.Row], end: int) -> None:
        """How far the log was read is written down once what came of that is in line."""
        name = worker.rule.name
        if rows:
            read = partial(line.entries, rule=name, wanted=worker.way.wanted, rows=rows)
            await worker.enlist(await self._database.scan(read), ahead=AHEAD)
        await self._database.note(partial(replications.move, name=name, cursor=end))
        worker.noted = end


def _broken(db: Connection, name: str, error: str) -> None:
    replications.compared(db, name, None, error)


def _note(db: Connection, values: dict[str, float], rules: list[str], now: float) -> None:
    """Write down how many wait, and go on with what a wrong clock has put off."""
    gauges.put(db, values)
    for rule in rules:
        replication_tags.hasten(db, rule, now, LATEST)


def _measured(db: Connection, now: float) -> dict[str, float]:
    found = [replication_tags.standing(db, name) for name in replications.names(db)]
    oldest = [each.oldest for each in found if each.oldest is not None]
    return {
        REPLICATION_LAG: max(0.0, now - min(oldest)) if oldest else 0.0,
        REPLICATION_WAITING: sum(each.waiting for each in found),
        REPLICATION_CONFLICTS: sum(each.conflicts for each in found),
    }
