"""Pods for tests: as they are written, and how they fare."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.cluster.cluster import Cluster, Found

SLEEPS = ("/bin/busybox", "sleep", "infinity")

_LAST = {"Succeeded", "Failed"}


def pod(
    name: str,
    *images: str,
    command: Sequence[str] = (),
    secrets: Sequence[str] = (),
    **spec: Any,
) -> Any:
    """A pod with a container for each image, which does what the image says unless told.

    `secrets` are its imagePullSecrets, and `spec` says more of it, as `serviceAccountName="app"`.
    """
    containers = [
        {"name": f"c{number}", "image": image, "command": list(command)}
        for number, image in enumerate(images)
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "containers": containers,
            "imagePullSecrets": [{"name": secret} for secret in secrets],
            "dnsPolicy": "Default",
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            **spec,
        },
    }


class Pods:
    """The pods of one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def kubectl(self, *arguments: str) -> str:
        return self._cluster.kubectl("--namespace", self._namespace, *arguments)

    def create(self, *pods: Any) -> None:
        where = {"namespace": self._namespace}
        self._cluster.apply(*({**pod, "metadata": {**pod["metadata"], **where}} for pod in pods))

    def run(self, pod: Any) -> str:
        """Create it; what its containers say until they end."""
        self.create(pod)
        name = pod["metadata"]["name"]
        self.until(name, "Succeeded")
        return self.kubectl("logs", name, "--all-containers")

    def until(self, name: str, phase: str) -> None:
        """Return when it is in this phase."""

        def reached() -> bool:
            now = self._pod(name)["status"].get("phase")
            assert now == phase or now not in _LAST, f"{name} is {now}"
            return bool(now == phase)

        self._until(f"{name} is {phase}", reached)

    def refused(self, name: str) -> str:
        """What the event says of a pull that failed, once one has."""
        return self._until(f"a pull for {name} failed", lambda: self._failed_pull(name))

    def nowhere(self, name: str) -> None:
        """Return when the scheduler has found no node for it."""

        def unscheduled() -> bool:
            conditions = self._pod(name)["status"].get("conditions", ())
            return ("PodScheduled", "False") in {(c["type"], c["status"]) for c in conditions}

        self._until(f"{name} is nowhere", unscheduled)

    def backs_off(self, name: str) -> None:
        """Return when the kubelet has given up for a while."""
        self._until(f"{name} backs off", lambda: "ImagePullBackOff" in self._waits(name))

    def _until(self, what: str, find: Callable[[], Found | None]) -> Found:
        return self._cluster.until(what, find, namespace=self._namespace)

    def _failed_pull(self, name: str) -> str | None:
        about = f"--field-selector=reason=Failed,involvedObject.name={name}"
        events = self._cluster.get("events", f"--namespace={self._namespace}", about)["items"]
        said = (str(event["message"]) for event in events)
        return next((message for message in said if "Failed to pull image" in message), None)

    def _pod(self, name: str) -> Any:
        return self._cluster.get("pod", name, f"--namespace={self._namespace}")

    def _waits(self, name: str) -> set[str]:
        """Why containers of a pod do not run yet."""
        statuses = self._pod(name)["status"].get("containerStatuses", ())
        return {status["state"].get("waiting", {}).get("reason", "") for status in statuses}
