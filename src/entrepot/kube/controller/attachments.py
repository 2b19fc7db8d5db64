"""`Attachments`: service accounts and pod templates that refer to pull secrets, as they are to."""

from collections.abc import Callable, Mapping
from typing import Any

from entrepot.kube.controller.attaching import account_patch, template_patch
from entrepot.kube.controller.cluster import Cluster, ClusterError

Secrets = Callable[[Mapping[str, Any]], set[str]]
"""Which pull secrets an object is to refer to."""

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")


class Attachments:
    """Those of the whole cluster; each method returns what could not be done."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def accounts(self, secrets: Secrets) -> list[str]:
        """Have every service account refer to its secrets. Raises `ClusterError`."""
        troubles = []
        for account in await self._cluster.every("ServiceAccount"):
            patch = account_patch(account, secrets(account))
            if patch is None:
                continue
            metadata = account["metadata"]
            where = metadata["namespace"], metadata["name"]
            try:
                await self._cluster.merge("ServiceAccount", *where, patch)
            except ClusterError as error:
                if error.status not in (404, 409):  # it is gone, or the next round sees it anew
                    troubles.append(str(error))
        return troubles

    async def templates(self, secrets: Secrets) -> list[str]:
        """Have every workload's pods refer to its secrets. Raises `ClusterError`."""
        troubles = []
        for kind in WORKLOADS:
            for workload in await self._cluster.every(kind):
                applied = template_patch(workload, secrets(workload))
                if applied is None:
                    continue
                try:
                    await self._cluster.apply(applied, force=True)
                except ClusterError as error:
                    troubles.append(str(error))
        return troubles
