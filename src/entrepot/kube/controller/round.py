"""`Rounds`: one look at the whole cluster after another, each of which makes it as it is to be.

A round begins from what is there and keeps nothing in mind that it could not find again, so it
does not matter where the one before was killed. References to a secret come before the secret: a
pod that is made in between finds it when the kubelet tries again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from entrepot.kube.controller import status
from entrepot.kube.controller.access import PullAccess
from entrepot.kube.controller.attachments import Attachments
from entrepot.kube.controller.cluster import Cluster, ClusterError
from entrepot.kube.controller.coverage import Coverage
from entrepot.kube.controller.supply import Kept, Supply
from entrepot.kube.controller.sweep import Sweep

_TOGETHER = 8


@dataclass(slots=True)
class Outcome:
    """What a round came to."""

    troubles: list[str] = field(default_factory=list)
    dues: list[float] = field(default_factory=list)
    """When something is to be renewed, in seconds since the epoch."""
    expiries: list[float] = field(default_factory=list)
    namespaces: int = 0
    """How many have a pull secret of somebody's."""
    again: bool = False
    """Whether there is more to do at once."""


class Rounds:
    """What they need."""

    def __init__(
        self,
        cluster: Cluster,
        supply: Supply,
        sweep: Sweep,
        *,
        namespace: str,
        templates: bool,
    ) -> None:
        self._cluster = cluster
        self._supply = supply
        self._sweep = sweep
        self._attachments = Attachments(cluster)
        self._namespace = namespace
        self._templates = templates
        self._foreign: set[tuple[str, str]] = set()
        self._gate = asyncio.Semaphore(_TOGETHER)

    async def once(self) -> Outcome:
        """One round. Raises `ClusterError` where the cluster cannot even be looked at."""
        outcome = Outcome()
        documents = await self._cluster.accesses()
        accesses = await self._read(documents, outcome)
        unread = bool(outcome.troubles)
        coverage = Coverage.found(accesses, await self._cluster.namespaces(), self._foreign)
        await self._attach(coverage, outcome)
        stood = {each["metadata"]["uid"]: each.get("status") or {} for each in documents}
        for access in accesses:
            try:
                await self._one(access, coverage, stood[access.uid], outcome)
            except ClusterError as error:  # the others want to be looked at, too
                outcome.troubles.append(f"{access.name}: {error}")
        if not unread:  # else somebody may need what seems to be of no use
            outcome.troubles += await self._sweep.once(coverage)
        outcome.namespaces = len({name for each in accesses for name in coverage.of(each)})
        return outcome

    async def _attach(self, coverage: Coverage, outcome: Outcome) -> None:
        """Have all refer to their secrets. What may not be listed holds up no secret: those that
        are referred to want to be renewed.
        """
        try:
            outcome.troubles += await self._attachments.accounts(coverage.account)
            if self._templates:
                outcome.troubles += await self._attachments.templates(coverage.workload)
        except ClusterError as error:
            if not error.status:
                raise
            outcome.troubles.append(str(error))

    async def _read(
        self, documents: Sequence[dict[str, Any]], outcome: Outcome
    ) -> list[PullAccess]:
        """All that can be read; the others are told what is wrong with them."""
        accesses = []
        for each in documents:
            if each["metadata"].get("deletionTimestamp"):
                continue
            try:
                accesses.append(PullAccess.parse(each))
            except (ValueError, KeyError, TypeError) as error:
                name = each["metadata"]["name"]
                outcome.troubles.append(f"{name}: {error}")
                await self._tell_unreadable(name, str(error), each, outcome)
        return accesses

    async def _tell_unreadable(
        self, name: str, why: str, document: dict[str, Any], outcome: Outcome
    ) -> None:
        try:
            await self._tell(name, status.unreadable(why, document), document.get("status"))
        except ClusterError as error:
            outcome.troubles.append(f"{name}: {error}")

    async def _one(
        self, access: PullAccess, coverage: Coverage, stood: Mapping[str, Any], outcome: Outcome
    ) -> None:
        """Supply the namespaces of one `PullAccess`, take back from others, and say so."""
        covered, had = coverage.of(access), set(stood.get("namespaces") or ())
        if not had.issuperset(covered):  # written before the secrets, so that none is forgotten
            await self._cluster.tell(access.name, {"namespaces": sorted(had.union(covered))})
        kept = await self._supplied(access, covered)
        troubles = [trouble for each in kept.values() for trouble in each.troubles]
        left = had.difference(covered).intersection(coverage.namespaces)
        lost = [name for name in sorted(left) if not await self._removed(access, name, troubles)]
        self._note_foreign(access, kept, outcome)
        told = list(dict.fromkeys(troubles))
        expiries = [each.expires for each in kept.values() if each.expires]
        wanted = status.status(
            access,
            covered=covered,
            lost=lost,
            troubles=told,
            soonest=min(expiries, default=None),
            before=stood,
        )
        await self._tell(access.name, wanted, stood)
        outcome.expiries += expiries
        outcome.dues += [each.due for each in kept.values() if each.due is not None]
        outcome.troubles += [f"{access.name}: {each}" for each in told]

    async def _supplied(self, access: PullAccess, covered: Sequence[str]) -> dict[str, Kept]:
        copies = await self._supply.copies(access, self._namespace)

        async def keep(namespace: str) -> Kept:
            async with self._gate:
                return await self._supply.keep(access, namespace, copies)

        found = await asyncio.gather(*map(keep, covered))
        return dict(zip(covered, found, strict=True))

    async def _removed(self, access: PullAccess, namespace: str, troubles: list[str]) -> bool:
        try:
            await self._supply.remove(access, namespace)
        except ClusterError as error:
            troubles.append(str(error))
            return False
        return True

    def _note_foreign(self, access: PullAccess, kept: Mapping[str, Kept], outcome: Outcome) -> None:
        """Nothing is to refer to somebody else's secret; what does already is mended at once."""
        foreign = {(access.name, name) for name, each in kept.items() if each.foreign}
        others = {each for each in self._foreign if each[0] != access.name}
        outcome.again |= self._foreign != others | foreign
        self._foreign = others | foreign

    async def _tell(
        self, access: str, wanted: dict[str, Any], stood: Mapping[str, Any] | None
    ) -> None:
        if status.differs(wanted, stood or {}):
            await self._cluster.tell(access, wanted)
