"""`Robots`: for each namespace that may pull, a robot at the registry, whose secrets end soon.

The one that a cluster has is never ended before its time: a new one comes beside it. One that was
made and never arrived in the cluster, because the controller was killed in between, is ended when
the next one is made, or shortly after it where the cluster has none.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from entrepot.kube.controller.access import PullAccess, Source
from entrepot.kube.controller.pull_secret import Credential, wanted
from entrepot.kube.controller.registry import Registry, RegistryError

_LONGEST = 128
_BRIEFLY = 60.0
"""Seconds that older ones last where the cluster has none: else those that never arrive add up."""


class Robots:
    """Those of one cluster at one registry. Everything raises `RegistryError`."""

    def __init__(self, registry: Registry, cluster: str) -> None:
        self._registry = registry
        self._cluster = cluster

    def name(self, access: str, namespace: str) -> str:
        """What the robot of a namespace is called."""
        name = f"kube.{self._cluster}.{access}.{namespace}"
        if len(name) <= _LONGEST:
            return name
        return f"kube.{self._cluster}.{sha256(name.encode()).hexdigest()[:32]}"

    async def credential(
        self, access: PullAccess, source: Source, namespace: str, now: Credential | None
    ) -> Credential:
        """A new one; `now` is what the cluster has, which stays good until its time is up."""
        with _understood(self._registry):
            return await self._credential(access, source, namespace, now)

    async def _credential(
        self, access: PullAccess, source: Source, namespace: str, now: Credential | None
    ) -> Credential:
        name = self.name(access.name, namespace)
        found = await self._find(name)
        if found is None:
            made = await self._create(name, access, source, namespace)
        else:
            self._check_ours(found)
            await self._grant(found, source)
            await self._end_lost(found, now)
            overlap = access.lifetime if now else min(_BRIEFLY, access.lifetime)
            rotation = {"overlap": overlap, "expires": access.lifetime}
            made = await self._registry.call("POST", f"/robots/{name}/rotate", rotation)
        return Credential(
            username=made["username"],
            password=made["secret"],
            wanted=wanted(access, source),
            expires=time.time() + access.lifetime,
            number=max(each["id"] for each in made["secrets"]),
        )

    async def forget(self, keep: Collection[str]) -> int:
        """Delete all of this cluster but those; how many."""
        with _understood(self._registry):
            every = self._registry.every("/robots")
            gone = [each["name"] async for each in every if self._owns(each)]
        lost = [name for name in gone if name not in keep]
        for name in lost:
            await self._registry.call("DELETE", f"/robots/{name}")
        return len(lost)

    async def _find(self, name: str) -> Any:
        try:
            return await self._registry.call("GET", f"/robots/{name}")
        except RegistryError as error:
            if error.status == 404:
                return None
            raise

    async def _create(self, name: str, access: PullAccess, source: Source, namespace: str) -> Any:
        robot = {
            "name": name,
            "description": f"{self._mark} PullAccess {access.name}, namespace {namespace}"[:1000],
            "grants": [{"role": "reader", "pattern": each} for each in source.repositories],
            "expires": access.lifetime,
        }
        return await self._registry.call("POST", "/robots", robot)

    async def _grant(self, robot: Any, source: Source) -> None:
        """Have it read those repositories, and no others."""
        has = {(each["role"], each["pattern"]): each["id"] for each in robot["grants"]}
        for pattern in source.repositories:
            if ("reader", pattern) not in has:
                grant = {"subject": f"robot:{robot['name']}", "role": "reader", "pattern": pattern}
                await self._registry.call("POST", "/grants", grant)
        for (role, pattern), number in has.items():
            if role != "reader" or pattern not in source.repositories:
                await self._registry.call("DELETE", f"/grants/{number}")

    async def _end_lost(self, robot: Any, now: Credential | None) -> None:
        """End what is newer than the cluster's: it never got there."""
        if now is None or now.number is None:
            return
        for each in robot["secrets"]:
            if each["id"] > now.number:
                path = f"/robots/{robot['name']}/secrets/{each['id']}"
                await self._registry.call("DELETE", path)

    @property
    def _mark(self) -> str:
        return f"made by the controller of cluster {self._cluster}:"

    def _owns(self, robot: Any) -> bool:
        ours = robot["description"].startswith(self._mark)
        return bool(ours and robot["name"].startswith(f"kube.{self._cluster}."))

    def _check_ours(self, robot: Any) -> None:
        if not self._owns(robot):
            raise RegistryError(
                f"{self._registry.url}: robot {robot['name']} was made by somebody else, and is "
                "left alone: delete it, or give the cluster another name"
            )


@contextmanager
def _understood(registry: Registry) -> Iterator[None]:
    """Say that a registry answers what cannot be read: it may be none of ours, and holds up no
    other.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        why = f"the answer is not as it should be ({error!r}): is this an Entrepot?"
        raise RegistryError(f"{registry.url}: {why}") from error
