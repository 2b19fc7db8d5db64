"""`Reporter`: tells the registry which images the cluster runs, once a minute.

A report is whole, so one is sent only where all that it is made of could be listed.
"""

import asyncio
import logging

from entrepot.kube import inventory
from entrepot.kube.controller.cluster import Cluster, ClusterError
from entrepot.kube.controller.lease import Leadership
from entrepot.kube.controller.metrics import Metrics
from entrepot.kube.controller.registry import Registry, RegistryError

logger = logging.getLogger("entrepot.controller")

_EVERY = 60.0


class Reporter:
    """Reports of one cluster to one registry."""

    def __init__(self, cluster: Cluster, registry: Registry, name: str, metrics: Metrics) -> None:
        self._cluster = cluster
        self._registry = registry
        self._path = f"/clusters/{name}/images"
        self._metrics = metrics

    async def keep(self, leadership: Leadership) -> None:
        """Report for ever, while it is this one's turn."""
        while True:
            await leadership.wait()
            try:
                await self.once()
            except (ClusterError, RegistryError) as error:
                logger.warning("what runs could not be reported: %s", error)
                self._metrics.reports.labels("failed").inc()
            except Exception:  # a dead task would end the controller
                logger.exception("a report failed by a bug, and is tried again")
                self._metrics.reports.labels("failed").inc()
            else:
                self._metrics.reports.labels("ok").inc()
            await asyncio.sleep(_EVERY)

    async def once(self) -> None:
        """One report. Raises `ClusterError` and `RegistryError`."""
        objects = {kind: await self._cluster.every(kind) for kind in inventory.SOURCES}
        images = await asyncio.to_thread(inventory.report, objects)
        await self._registry.call("PUT", self._path, {"images": images})
