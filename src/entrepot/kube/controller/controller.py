"""The controller's process: it watches, works while it holds the lease, and tells how it fares."""

import asyncio
import logging
import signal
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrepot.kube.controller import metrics, watching
from entrepot.kube.controller.access import Source
from entrepot.kube.controller.cluster import Cluster, ClusterError
from entrepot.kube.controller.lease import Leadership
from entrepot.kube.controller.metrics import Health, Metrics
from entrepot.kube.controller.registries import Registries, trust
from entrepot.kube.controller.reporting import Reporter
from entrepot.kube.controller.round import Outcome, Rounds
from entrepot.kube.controller.supply import Supply
from entrepot.kube.controller.sweep import Sweep

logger = logging.getLogger("entrepot.controller")

LEASE = "entrepot-controller"
_LOOKS = 30.0
"""Seconds after which it looks again even if nothing was seen to change."""
_GATHERS = 0.3
"""Seconds in which changes come together."""
_STUCK = 300.0


@dataclass(frozen=True, slots=True)
class Options:
    """What it is told."""

    cluster: str
    """The cluster's name at its registries."""
    namespace: str
    account: str
    identity: str
    listen: tuple[str, int]
    ca: Path | None = None
    templates: bool = False
    report: str = ""
    """URL of the registry that is told what runs."""


def patience(failed: int) -> float:
    """Seconds until what failed so many times in a row is tried again."""
    return min(_LOOKS, 2.0 ** min(failed, 30))


class Controller:
    """One process; several may wait beside it."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._metrics = Metrics()
        self._health = Health(_STUCK)
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises `ClusterError` and OSError where it cannot begin."""
        for name in ("kopf", "aiohttp", "httpx2"):  # each request would be a line
            logging.getLogger(name).setLevel(logging.WARNING)
        options = self._options
        context = trust(options.ca)
        cluster = Cluster.open()
        await cluster.accesses()
        registries = Registries(cluster, options.namespace, options.account, context)
        runner = await metrics.serve(*options.listen, self._metrics, lambda: self._health.good)
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._stop.set)
        try:
            await self._work(cluster, registries)
        finally:
            await runner.cleanup()
            await registries.close()
            await cluster.close()

    async def _work(self, cluster: Cluster, registries: Registries) -> None:
        options = self._options
        host = options.report.partition("://")[2]
        reported = Source(host=host, url=options.report) if host else None
        leadership = Leadership(cluster, options.namespace, LEASE, options.identity)
        rounds = Rounds(
            cluster,
            Supply(cluster, registries, options.cluster, self._metrics),
            Sweep(registries, options.cluster, reported),
            namespace=options.namespace,
            templates=options.templates,
        )
        work = [leadership.keep(), self._turn(leadership, rounds)]
        if reported is not None:
            registry = registries.at(reported)
            reporter = Reporter(cluster, registry, options.cluster, self._metrics)
            work.append(reporter.keep(leadership))
        watch = watching.watch(self._hint, self._stop, templates=options.templates)
        lasting = [asyncio.create_task(each) for each in (watch, *work)]
        await asyncio.wait(lasting, return_when=asyncio.FIRST_COMPLETED)  # kopf ends at a stop
        self._stop.set()
        for task in lasting[1:]:
            task.cancel()
        await asyncio.wait(lasting)
        for task in lasting:
            if not task.cancelled():
                task.result()

    def _hint(self, kind: str) -> None:
        self._metrics.events.labels(kind).inc()
        self._changed.set()

    async def _turn(self, leadership: Leadership, rounds: Rounds) -> None:
        """Round after round, while it is this one's turn."""
        failed = 0
        while True:
            self._health.turned()
            self._metrics.works.set(leadership.held)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOKS):
                    await leadership.wait()
            if not leadership.held:
                continue
            self._metrics.works.set(1)
            self._changed.clear()
            outcome = await while_held(leadership, self._round(rounds))
            if outcome is None:
                continue
            failed = failed + 1 if outcome.troubles else 0
            await self._pause(outcome, failed)

    async def _round(self, rounds: Rounds) -> Outcome:
        began = time.monotonic()
        try:
            outcome = await rounds.once()
        except ClusterError as error:
            outcome = Outcome(troubles=[str(error)])
        except Exception as error:
            logger.exception("a round failed by a bug, and is tried again")
            outcome = Outcome(troubles=[repr(error)])
        else:
            self._metrics.namespaces.set(outcome.namespaces)
            self._metrics.expires.set(min(outcome.expiries, default=0))
        for each in outcome.troubles:
            logger.warning("%s", each)
        self._metrics.troubles.set(len(outcome.troubles))
        self._metrics.rounds.labels("failed" if outcome.troubles else "ok").inc()
        self._metrics.seconds.set(time.monotonic() - began)
        return outcome

    async def _pause(self, outcome: Outcome, failed: int) -> None:
        """Until something changed or is due; what failed is tried again ever more rarely."""
        seconds = _LOOKS
        for due in outcome.dues:
            seconds = min(seconds, max(0.5, due - time.time()))
        if failed:
            seconds = patience(failed)
        if outcome.again:
            seconds = 0.5
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        await asyncio.sleep(_GATHERS)


async def while_held(leadership: Leadership, work: Coroutine[Any, Any, Outcome]) -> Outcome | None:
    """What comes of a round; None where the lease was lost meanwhile, and the round is cut: another
    controller may have begun one.
    """
    tasks = asyncio.create_task(work), asyncio.create_task(leadership.lost())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
