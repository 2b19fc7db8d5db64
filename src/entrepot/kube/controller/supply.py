"""`Supply`: the pull secret of each namespace, made, renewed and removed.

A credential is renewed when half its time is over, and the one before stays good until its own
end: so a pod that is starting, and a registry that is away for a while, lose nothing.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from entrepot.kube.controller import pull_secret
from entrepot.kube.controller.access import PullAccess, Source
from entrepot.kube.controller.cluster import Cluster, ClusterError
from entrepot.kube.controller.metrics import Metrics
from entrepot.kube.controller.pull_secret import Credential, ForeignError
from entrepot.kube.controller.registries import Registries
from entrepot.kube.controller.registry import RegistryError
from entrepot.kube.controller.robots import Robots

LOOKS = 25.0
"""Seconds after which a secret is read again, to see whether somebody spoiled it."""

Copies = Mapping[str, Mapping[str, str] | str]
"""By host, name and password that are handed on; or why there are none."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How a namespace's secret stands."""

    due: float | None = None
    """When something of it is to be renewed, in seconds since the epoch."""
    expires: float | None = None
    troubles: tuple[str, ...] = ()
    foreign: bool = False


class Supply:
    """The secrets of all namespaces, and what is known of them."""

    def __init__(
        self, cluster: Cluster, registries: Registries, name: str, metrics: Metrics
    ) -> None:
        self._cluster = cluster
        self._registries = registries
        self._name = name
        self._metrics = metrics
        self._known: dict[tuple[str, str], tuple[float, dict[str, Credential] | None]] = {}

    async def keep(self, access: PullAccess, namespace: str, copies: Copies) -> Kept:
        """Have the secret of a namespace as it is to be."""
        try:
            now = await self._read(access, namespace)
            credentials, troubles = await self._renewed(access, namespace, now or {}, copies)
            if credentials and credentials != now:
                document = pull_secret.document(access, namespace, credentials)
                await self._cluster.apply(document, force=now is not None)
                self._known[access.name, namespace] = time.monotonic(), credentials
        except ForeignError as error:
            return Kept(troubles=(str(error),), foreign=True)
        except ClusterError as error:
            self._known.pop((access.name, namespace), None)
            return Kept(troubles=(str(error),))
        return _kept(access, credentials, troubles)

    async def remove(self, access: PullAccess, namespace: str) -> None:
        """Have no secret there, unless it is somebody else's. Raises `ClusterError`."""
        self._known.pop((access.name, namespace), None)
        found = await self._cluster.find("Secret", namespace, access.secret)
        if found is not None and pull_secret.is_ours(found):
            await self._cluster.delete("Secret", namespace, access.secret)

    async def copies(self, access: PullAccess, namespace: str) -> dict[str, dict[str, str] | str]:
        """What is handed on, from secrets beside the controller."""
        found: dict[str, dict[str, str] | str] = {}
        for source in access.sources:
            if not source.copied:
                continue
            try:
                secret = await self._cluster.find("Secret", namespace, source.copied)
                if secret is None:
                    found[source.host] = f"there is no secret {source.copied} in {namespace}"
                else:
                    found[source.host] = pull_secret.handed_on(secret, source.host)
            except (ClusterError, ValueError) as error:
                found[source.host] = str(error)
        return found

    async def _read(self, access: PullAccess, namespace: str) -> dict[str, Credential] | None:
        """What the secret holds; None where there is none."""
        read_at, known = self._known.get((access.name, namespace), (float("-inf"), None))
        if time.monotonic() - read_at < LOOKS:
            return known
        secret = await self._cluster.find("Secret", namespace, access.secret)
        found = None if secret is None else pull_secret.read(secret)
        self._known[access.name, namespace] = time.monotonic(), found
        return found

    async def _renewed(
        self, access: PullAccess, namespace: str, now: Mapping[str, Credential], copies: Copies
    ) -> tuple[dict[str, Credential], list[str]]:
        """All credentials, those that are due made anew; and what could not be."""
        found: dict[str, Credential] = {}
        troubles = []
        for source in access.sources:
            before = now.get(source.host)
            try:
                found[source.host] = await self._one(access, source, namespace, before, copies)
            except RegistryError as error:
                troubles.append(str(error))
                if before is not None:  # it may be good for a while yet
                    found[source.host] = before
        return found, troubles

    async def _one(
        self,
        access: PullAccess,
        source: Source,
        namespace: str,
        before: Credential | None,
        copies: Copies,
    ) -> Credential:
        if source.copied:
            return _handed_on(access, source, copies[source.host])
        wanted = pull_secret.wanted(access, source)
        if before is not None and before.wanted == wanted and not _is_due(access, before):
            return before
        robots = Robots(self._registries.at(source), self._name)
        made = await robots.credential(access, source, namespace, before)
        self._metrics.rotations.labels(source.host).inc()
        return made


def _handed_on(access: PullAccess, source: Source, pair: Mapping[str, str] | str) -> Credential:
    if isinstance(pair, str):
        raise RegistryError(pair)
    wanted = pull_secret.wanted(access, source, pair)
    return Credential(pair["username"], pair["password"], wanted)


def _kept(access: PullAccess, credentials: Mapping[str, Credential], troubles: list[str]) -> Kept:
    expires = _soonest(credentials.values())
    due = None if expires is None else expires - access.lifetime / 2
    return Kept(due, expires, tuple(troubles))


def _soonest(credentials: Iterable[Credential]) -> float | None:
    return min((each.expires for each in credentials if each.expires is not None), default=None)


def _is_due(access: PullAccess, credential: Credential) -> bool:
    return (credential.expires or 0) - time.time() <= access.lifetime / 2
