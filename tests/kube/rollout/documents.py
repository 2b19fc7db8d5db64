"""Workloads and pods as the Kubernetes API gives them, as far as a rollout reads them."""

from typing import Any

HOST = "registry.example.com"
OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def workload(
    kind: str = "Deployment",
    images: dict[str, str] | None = None,
    status: dict[str, Any] | None = None,
    init: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Any:
    """One whose controller has seen its generation; `images` by container."""
    pods = {
        "containers": _containers(images or {"web": f"{HOST}/team/app:1.3.0"}),
        **({"initContainers": _containers(init)} if init else {}),
    }
    metadata: dict[str, Any] = {"name": "web", "namespace": "shop", "generation": 3}
    if annotations is not None:
        metadata["annotations"] = annotations
    return {
        "kind": kind,
        "metadata": metadata,
        "spec": {"replicas": 2, "template": {"spec": pods}, **spec},
        "status": {"observedGeneration": 3, **(status or {})},
    }


def _containers(images: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "image": image} for name, image in images.items()]


def pod(name: str, image: str, *statuses: Any, ready: bool = False, **metadata: Any) -> Any:
    """A pod of one container `web`."""
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", **metadata},
        "spec": {"containers": [{"name": "web", "image": image}]},
        "status": {
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": "web", **each} for each in statuses],
        },
    }


def waiting(reason: str, message: str = "", last: dict[str, Any] | None = None) -> Any:
    """The status of a container that waits."""
    last_state = {"lastState": {"terminated": last}} if last else {}
    return {"state": {"waiting": {"reason": reason, "message": message}}, **last_state}
