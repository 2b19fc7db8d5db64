"""`Metrics`: what the controller counts, and the small server that shows it and says it lives."""

import time
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST


class Metrics:
    """Its counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        name = "entrepot_controller"
        self.rounds = self._counter(f"{name}_rounds", "Looks at the whole cluster.", "result")
        self.rotations = self._counter(f"{name}_rotations", "Passwords made.", "registry")
        self.events = self._counter(f"{name}_events", "Changes that were seen.", "kind")
        self.reports = self._counter(f"{name}_reports", "Reports of what runs.", "result")
        self.seconds = self._gauge(f"{name}_round_seconds", "How long the last look took.")
        self.works = self._gauge(f"{name}_works", "Whether it holds the lease.")
        self.namespaces = self._gauge(f"{name}_namespaces", "Namespaces with a pull secret.")
        self.troubles = self._gauge(f"{name}_troubles", "What could not be done.")
        self.expires = self._gauge(
            f"{name}_soonest_expiry_timestamp_seconds", "When the first password ends."
        )

    def _counter(self, name: str, meaning: str, label: str) -> Counter:
        return Counter(name, meaning, [label], registry=self.registry)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(name, meaning, registry=self.registry)


class Health:
    """Whether its loop still turns."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._turned_at = time.monotonic()

    def turned(self) -> None:
        """It did, now."""
        self._turned_at = time.monotonic()

    @property
    def good(self) -> bool:
        """Whether it did lately."""
        return time.monotonic() - self._turned_at < self._patience


async def serve(host: str, port: int, metrics: Metrics, lives: Callable[[], bool]) -> web.AppRunner:
    """Answer /metrics and /livez until the runner is cleaned up. Raises OSError."""

    async def shown(_: web.Request) -> web.Response:
        body = generate_latest(metrics.registry)
        return web.Response(body=body, headers={"content-type": CONTENT_TYPE_LATEST})

    async def health(_: web.Request) -> web.Response:
        good = lives()
        return web.Response(status=200 if good else 503, text="ok\n" if good else "stuck\n")

    app = web.Application()
    app.add_routes([web.get("/metrics", shown), web.get("/livez", health)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
