"""`Leadership`: one controller works at a time, whoever holds the lease; the others wait for it.

As client-go does it, how old a lease is counts by the own clock, from when it was last seen to
change: so clocks of nodes need not agree. Who could not renew it stops before another may begin.
"""

import asyncio
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from entrepot.kube.controller.cluster import Cluster, ClusterError

logger = logging.getLogger("entrepot.controller")

LASTS = 15.0
"""Seconds after which a lease that nobody renews is free."""
_WORKS = 10.0
"""Seconds that its holder works on without having renewed it."""
_EVERY = 3.0


class Leadership:
    """Who works, as one of them sees it."""

    def __init__(self, cluster: Cluster, namespace: str, name: str, identity: str) -> None:
        self._cluster = cluster
        self._where = namespace, name
        self._identity = identity
        self._seen = ""
        self._seen_at = 0.0
        self._renewed_at = float("-inf")
        self._turn = asyncio.Condition()

    @property
    def held(self) -> bool:
        """Whether this one may work now."""
        return time.monotonic() - self._renewed_at < _WORKS

    async def wait(self) -> None:
        """Return when it may."""
        async with self._turn:
            await self._turn.wait_for(lambda: self.held)

    async def lost(self) -> None:
        """Return when it may no more."""
        async with self._turn:
            while (left := self._renewed_at + _WORKS - time.monotonic()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._turn.wait()

    async def keep(self) -> None:
        """Take the lease when it is free, and renew it, for ever; give it back at the end."""
        try:
            while True:
                await self._try()
                await asyncio.sleep(_EVERY)
        finally:
            await self._give_back()

    async def _try(self) -> None:
        had = self.held
        try:
            async with asyncio.timeout(_WORKS / 2):
                began = time.monotonic()
                self._renewed_at = began if await self._renew() else float("-inf")
        except (ClusterError, TimeoutError) as error:
            logger.warning("the lease could not be renewed: %s", str(error) or "no answer")
        if self.held != had:
            logger.info("this controller %s", "works" if self.held else "waits")
        async with self._turn:
            self._turn.notify_all()

    async def _renew(self) -> bool:
        namespace, name = self._where
        lease = await self._cluster.find("Lease", namespace, name)
        spec = (lease or {}).get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if holder not in ("", self._identity) and not self._is_old(lease):
            return False
        try:
            await self._cluster.replace("Lease", self._document(lease, spec, self._identity))
        except ClusterError as error:
            if error.status == 409:  # another one was faster
                return False
            raise
        return True

    def _is_old(self, lease: Any) -> bool:
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen:
            self._seen, self._seen_at = version, time.monotonic()
        return time.monotonic() - self._seen_at > LASTS

    def _document(self, lease: Any, spec: dict[str, Any], holder: str) -> dict[str, Any]:
        namespace, name = self._where
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        changes = spec.get("leaseTransitions") or 0
        taken = spec.get("holderIdentity") != holder
        metadata = {"name": name, "namespace": namespace}
        if lease is not None:
            metadata["resourceVersion"] = lease["metadata"]["resourceVersion"]
        return {
            "metadata": metadata,
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": int(LASTS),
                "acquireTime": now if taken else spec.get("acquireTime", now),
                "renewTime": now,
                "leaseTransitions": changes + 1 if taken and lease is not None else changes,
            },
        }

    async def _give_back(self) -> None:
        """So that the next one need not wait."""
        if not self.held:
            return
        self._renewed_at = float("-inf")
        try:
            lease = await self._cluster.find(*("Lease", *self._where))
            if lease and lease["spec"].get("holderIdentity") == self._identity:
                document = self._document(lease, lease["spec"], "")
                await self._cluster.replace("Lease", document)
        except ClusterError as error:
            logger.warning("the lease could not be given back: %s", error)
