"""What a real cluster has, as its API says it: reported, listed, and not deleted unasked."""

import json
import ssl
from pathlib import Path
from typing import Any

import httpx
from tests.cluster.cluster import Cluster
from tests.cluster.operator import Operator
from tests.cluster.pod import SLEEPS, pod
from tests.cluster.site import Site
from tests.warm import entrepot

from entrepot.kube.inventory import SOURCES, report


def template(name: str, image: str, **spec: Any) -> Any:
    """What a workload makes its pods of."""
    made = pod(name, image, command=SLEEPS, restartPolicy="Always", **spec)
    return {"metadata": {"labels": {"app": name}}, "spec": made["spec"]}


def workload(kind: str, name: str, namespace: str, image: str, **spec: Any) -> Any:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, image),
            **spec,
        },
    }


def cron_job(name: str, namespace: str, image: str) -> Any:
    job = {"spec": {"template": template(name, image)}}
    job["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": job},
    }


def listed(cluster: Cluster) -> dict[str, list[Any]]:
    """What a controller lists."""
    return {
        kind: json.loads(cluster.kubectl("get", "--raw", path))["items"]
        for kind, path in SOURCES.items()
    }


def test_what_runs(cluster: Cluster, site: Site, namespace: str, tmp_path: Path) -> None:
    site.accounts.project("inventory", public=True)
    old, new = site.push("inventory/web", "1.0.0"), site.push("inventory/web", "1.1.0")
    cluster.apply(
        workload("Deployment", "web", namespace, old),
        workload("StatefulSet", "db", namespace, old, serviceName="db"),
        workload("DaemonSet", "log", namespace, old),
        workload("Deployment", "zero", namespace, old, replicas=0),
        cron_job("nightly", namespace, old),
    )
    within = f"--namespace={namespace}"
    for each in ("deployment/web", "statefulset/db", "daemonset/log"):
        cluster.kubectl("rollout", "status", each, within, "--timeout=150s", within=160)
    cluster.kubectl("set", "image", "deployment/web", f"c0={new}", within)
    cluster.kubectl("rollout", "status", "deployment/web", within, "--timeout=150s", within=160)
    operator = Operator(cluster, site, tmp_path)
    digests = {
        each["name"]: each["digest"] for each in operator.said("tag", "list", "inventory/web")
    }

    def settled() -> bool:
        pods = cluster.get("pods", within, "--selector=app=web")["items"]
        return len(pods) == 1

    cluster.until("the old pod is gone", settled, namespace=namespace)
    entries = report(listed(cluster))
    ours = [each for each in entries if each["namespace"] == namespace]
    assert {
        (f"{each['kind']}/{each['workload']}", each["tag"], each["digest"], each["state"])
        for each in ours
    } == {
        ("Deployment/web", "1.1.0", digests["1.1.0"], "running"),
        ("Deployment/web", "1.0.0", "", "rollback"),
        ("StatefulSet/db", "1.0.0", digests["1.0.0"], "running"),
        ("DaemonSet/log", "1.0.0", digests["1.0.0"], "running"),
        ("Deployment/zero", "1.0.0", "", "waiting"),
        ("CronJob/nightly", "1.0.0", "", "waiting"),
    }

    robot = site.accounts.robot("inventory", "reporter:*")
    trust = ssl.create_default_context(cafile=str(site.ca))
    url = f"https://{site.address}/api/v1/clusters/test/images"
    answer = httpx.put(url, json={"images": entries}, auth=robot.pair, verify=trust)
    assert answer.status_code == 200, answer.text
    rows = operator.said("kube", "images", "-n", namespace)
    marks = {(row["workload"], row["tag"]): row["marks"] for row in rows}
    assert marks == {
        ("web", "1.1.0"): ["unpinned"],
        ("web", "1.0.0"): ["unpinned", "newer", "rollback"],
        **{(name, "1.0.0"): ["unpinned", "newer"] for name in ("db", "log", "zero", "nightly")},
    }
    done = entrepot("tag", "delete", "inventory/web", "1.0.0", "--yes", **operator.env)
    assert done.status == 2
    assert f"runs in test: {namespace}/DaemonSet/log" in done.error
    operator.said("kube", "forget", "test", "--yes")
