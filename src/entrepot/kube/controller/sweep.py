"""`Sweep`: robots that nothing in the cluster needs any more go, and access ends with them.

Registries that no `PullAccess` names any more are known while the process lives, and the one that
is told what runs always. Of others what a killed process left ends by itself when its time is up.
"""

import time
from contextlib import suppress

from entrepot.kube.controller.access import Source
from entrepot.kube.controller.coverage import Coverage
from entrepot.kube.controller.registries import Registries
from entrepot.kube.controller.registry import RegistryError
from entrepot.kube.controller.robots import Robots

_EVERY = 600.0
"""Seconds after which it looks even if nothing went."""


class Sweep:
    """What was looked at, and when."""

    def __init__(
        self, registries: Registries, cluster: str, reported: Source | None = None
    ) -> None:
        self._registries = registries
        self._cluster = cluster
        self._reported = reported
        self._used: dict[str, Source] = {}
        self._done: dict[str, set[str]] = {}
        self._done_at = float("-inf")

    async def once(self, coverage: Coverage) -> list[str]:
        """Delete them; what could not be done."""
        keep = self._needed(coverage)
        if keep == self._done and time.monotonic() - self._done_at < _EVERY:
            return []
        troubles = []
        for url, source in self._used.items():
            try:
                await self._robots(source).forget(keep[url])
            except RegistryError as error:
                troubles.append(str(error))
        await self._sweep_reported(set().union(*keep.values()))
        if not troubles:
            self._done, self._done_at = keep, time.monotonic()
        return troubles

    async def _sweep_reported(self, keep: set[str]) -> None:
        """Where nobody has named it, it may be one that is named by another address; so whatever is
        needed anywhere stays. Whoever may not make robots there has none.
        """
        if self._reported is not None and self._reported.url not in self._used:
            with suppress(RegistryError):
                await self._robots(self._reported).forget(keep)

    def _needed(self, coverage: Coverage) -> dict[str, set[str]]:
        """By registry, names of the robots that are needed."""
        keep: dict[str, set[str]] = {url: set() for url in self._used}
        for access in coverage.accesses:
            for source in access.sources:
                if source.copied:
                    continue
                self._used[source.url] = source
                robots, names = self._robots(source), coverage.of(access)
                needed = keep.setdefault(source.url, set())
                needed.update(robots.name(access.name, each) for each in names)
        return keep

    def _robots(self, source: Source) -> Robots:
        return Robots(self._registries.at(source), self._cluster)
