"""`Progress`: how far a rollout has come, by what the workload says of itself. Pure.

Source: kubectl's `rollout status` (polymorphichelpers/rollout_status.go), for each kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from entrepot.kube.doctor import workload as workloads
from entrepot.kube.rollout.spot import Document

_DEADLINE = "ProgressDeadlineExceeded"


@dataclass(frozen=True, slots=True)
class Progress:
    """Pods that there should be, and how many are new and ready to serve."""

    wanted: int
    updated: int
    done: bool
    failed: str = ""
    """Why it will not come to its end, in the cluster's words."""
    refused: str = ""
    """Why pods are not made, in the cluster's words; that may pass."""

    @classmethod
    def of(cls, workload: Document) -> "Progress":
        """Of a Deployment, StatefulSet or DaemonSet, as the API has it."""
        found = _KINDS[workload["kind"]](workload["spec"], workload.get("status") or {})
        if _is_behind(workload):
            return cls(found.wanted, 0, done=False)
        return cls(
            found.wanted, found.updated, found.done, found.failed, workloads.refused(workload)
        )


def _is_behind(workload: Document) -> bool:
    """Whether its controller has not seen yet what is wanted now."""
    seen = (workload.get("status") or {}).get("observedGeneration", 0)
    return bool(seen < workload["metadata"]["generation"])


def _deployment(spec: Document, status: Document) -> Progress:
    wanted, updated = int(spec.get("replicas", 1)), int(status.get("updatedReplicas", 0))
    there, available = int(status.get("replicas", 0)), int(status.get("availableReplicas", 0))
    done = updated >= wanted and there <= updated <= available
    failed = next(
        (str(each["message"]) for each in status.get("conditions") or () if _is_late(each)), ""
    )
    return Progress(wanted, updated, done, failed)


def _is_late(condition: Mapping[str, Any]) -> bool:
    return condition["type"] == "Progressing" and condition.get("reason") == _DEADLINE


def _stateful_set(spec: Document, status: Document) -> Progress:
    """With a partition only the pods from there on become new."""
    wanted, updated = int(spec.get("replicas", 1)), int(status.get("updatedReplicas", 0))
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
    ready = int(status.get("readyReplicas", 0)) >= wanted
    if partition := int(rolling.get("partition") or 0):
        goal = max(wanted - partition, 0)
        return Progress(goal, updated, ready and updated >= goal)
    same = status.get("updateRevision") == status.get("currentRevision")
    return Progress(wanted, wanted if same else updated, ready and same)


def _daemon_set(_spec: Document, status: Document) -> Progress:
    wanted = int(status.get("desiredNumberScheduled", 0))
    updated = int(status.get("updatedNumberScheduled", 0))
    return Progress(
        wanted, updated, updated >= wanted and int(status.get("numberAvailable", 0)) >= wanted
    )


_KINDS: Mapping[str, Callable[[Document, Document], Progress]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
}
