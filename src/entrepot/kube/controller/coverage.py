"""`Coverage`: which `PullAccess` means which namespaces, accounts and workloads, as of now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.kube.controller.access import PullAccess
from entrepot.kube.controller.selector import Labels


@dataclass(frozen=True, slots=True)
class Coverage:
    """All of them, and all namespaces that are not on their way out."""

    accesses: Sequence[PullAccess]
    namespaces: Mapping[str, Labels]
    foreign: Collection[tuple[str, str]] = ()
    """By access and namespace, where a secret of somebody else's has the name."""

    @classmethod
    def found(
        cls,
        accesses: Sequence[PullAccess],
        namespaces: Sequence[Mapping[str, Any]],
        foreign: Collection[tuple[str, str]] = (),
    ) -> "Coverage":
        """Of namespaces as the API has them."""
        active = {
            each["metadata"]["name"]: each["metadata"].get("labels") or {}
            for each in namespaces
            if not each["metadata"].get("deletionTimestamp")
        }
        return cls(accesses, active, foreign)

    def of(self, access: PullAccess) -> list[str]:
        """Namespaces that one means."""
        return sorted(
            name for name, labels in self.namespaces.items() if access.covers(name, labels)
        )

    def account(self, account: Mapping[str, Any]) -> set[str]:
        """Pull secrets that a service account is to refer to."""
        metadata = account["metadata"]
        meant = self._meaning(metadata["namespace"])
        return {each.secret for each in meant if each.serves(metadata["name"])}

    def workload(self, workload: Mapping[str, Any]) -> set[str]:
        """Pull secrets that the pods of a workload are to refer to."""
        metadata = workload["metadata"]
        labels = metadata.get("labels") or {}
        return {
            each.secret
            for each in self._meaning(metadata["namespace"])
            if each.pod_templates is not None and each.pod_templates.matches(labels)
        }

    def _meaning(self, namespace: str) -> list[PullAccess]:
        if namespace not in self.namespaces:
            return []
        labels = self.namespaces[namespace]
        return [
            each
            for each in self.accesses
            if each.covers(namespace, labels) and (each.name, namespace) not in self.foreign
        ]
