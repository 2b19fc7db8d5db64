"""Where a pod is, and why it is nowhere: its node, an eviction, a scheduler that finds none.

Source: kubernetes, pkg/kubelet/eviction; pkg/scheduler, messages of `FitError`.
"""

import re
from dataclasses import dataclass
from typing import Any, Self

_of_disk = re.compile(
    r"DiskPressure|disk-pressure|ephemeral-storage|inodes|nodefs|imagefs|ephemeral local storage"
).search


@dataclass(frozen=True, slots=True)
class Node:
    """Where a pod is."""

    name: str = ""
    platform: str = ""
    """os/architecture; "" where it is not known."""
    full: bool = False
    """Whether it is under disk pressure."""
    runtime: str = ""
    """Such as containerd://2.1.0."""
    limits: str = ""
    """How many pulls its kubelet begins, in its own words; "" where it was not asked."""

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        """Read an object of the API."""
        status = document.get("status", {})
        info = status.get("nodeInfo", {})
        known = info.get("architecture")
        platform = f"{info['operatingSystem']}/{info['architecture']}" if known else ""
        full = any(
            each["type"] == "DiskPressure" and each["status"] == "True"
            for each in status.get("conditions", ())
        )
        runtime = info.get("containerRuntimeVersion", "")
        return cls(document["metadata"]["name"], platform, full, runtime)


NOWHERE = Node()


def limits(configz: dict[str, Any]) -> str:
    """Of pulls, as the kubelet's configuration has them."""
    config = configz.get("kubeletconfig", {})
    names = ("registryPullQPS", "registryBurst")
    return ", ".join(f"{name} {config[name]}" for name in names if name in config)


def evicted(pod: dict[str, Any]) -> str:
    """The kubelet's words for why it threw the pod out, where that was for its disk."""
    status = pod.get("status", {})
    words = str(status.get("message") or "")
    return words if status.get("reason") == "Evicted" and is_of_disk(words) else ""


def unscheduled(pod: dict[str, Any]) -> str:
    """The scheduler's words for why no node takes the pod."""
    conditions = pod.get("status", {}).get("conditions", ())
    told = (
        str(each.get("message") or each.get("reason") or "")
        for each in conditions
        if each["type"] == "PodScheduled" and each["status"] == "False"
    )
    return next(told, "")


def is_of_disk(words: str) -> bool:
    """Whether they tell of a disk that is full."""
    return _of_disk(words) is not None
