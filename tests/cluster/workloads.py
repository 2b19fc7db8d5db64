"""Workloads for tests, whose pods have no pull secret of their own."""

import copy
from typing import Any

from tests.cluster.pod import SLEEPS, pod


def deployment(namespace: str, image: str, replicas: int, **metadata: Any) -> dict[str, Any]:
    template = pod("web", image, command=SLEEPS, restartPolicy="Always")
    template["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    del template["spec"]["imagePullSecrets"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace, **metadata},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": template["spec"]},
        },
    }


def cron_job(namespace: str, image: str) -> dict[str, Any]:
    template = {"spec": pod("night", image)["spec"]}
    del template["spec"]["imagePullSecrets"]
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "night", "namespace": namespace, "labels": {"pulls": "ours"}},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}},
    }


def others(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    """The same as a StatefulSet without pods, and as a DaemonSet for no node."""
    spec = {key: deployment["spec"][key] for key in ("selector", "template")}
    template = copy.deepcopy(spec["template"])
    template["spec"]["nodeSelector"] = {"on": "no-node"}
    stateful, daemon = {**spec, "replicas": 0, "serviceName": "web"}, {**spec, "template": template}
    return [
        {**deployment, "kind": "StatefulSet", "spec": stateful},
        {**deployment, "kind": "DaemonSet", "spec": daemon},
    ]
