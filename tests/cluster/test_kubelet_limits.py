"""`entrepot kube doctor` where the kubelet itself says no: its disk is full, or pulls too many."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.cluster import Cluster
from tests.cluster.pod import SLEEPS, Pods, pod
from tests.cluster.site import Site
from tests.warm import entrepot

FULL = (
    "--eviction-hard=nodefs.available<99%",
    "--eviction-pressure-transition-period=1s",
    "--minimum-image-ttl-duration=1h",  # it would throw out images that later tests need
)


def says(cluster: Cluster, site: Site, *words: str) -> tuple[int, list[dict[str, Any]]]:
    given = ("kube", "doctor", *words, "--ca", str(site.ca), "--json")
    done = entrepot(*given, KUBECONFIG=str(cluster.kubeconfig))
    assert done.output, done.error
    return done.status, json.loads(done.output)


@pytest.fixture
def full(cluster: Cluster, site: Site, namespace: str) -> Iterator[Pods]:
    """A namespace of a pod that runs, on a node whose disk then is full."""
    site.accounts.project("tight", public=True)
    pods = Pods(cluster, namespace)
    pods.create(pod("runs", site.push("tight/app"), command=SLEEPS))
    pods.until("runs", "Running")
    cluster.node.start_kubelet(*FULL)
    yield pods
    cluster.node.start_kubelet()
    cluster.until("the disk is no longer full", lambda: not tainted(cluster))


def tainted(cluster: Cluster) -> bool:
    nodes = cluster.get("nodes")["items"]
    return "disk-pressure" in json.dumps([each["spec"].get("taints", []) for each in nodes])


def test_a_node_whose_disk_is_full(
    full: Pods, cluster: Cluster, site: Site, namespace: str
) -> None:
    cluster.until("the node says so", lambda: tainted(cluster))
    full.create(pod("waits", f"{site.address}/tight/app:1", command=SLEEPS))
    full.nowhere("waits")
    status, [found] = says(cluster, site, "waits", "-n", namespace)
    assert (status, found["cause"]) == (1, "disk_pressure"), found["wrong"]
    assert "node node-1 has no room on its disk" in found["wrong"]
    assert "untolerated taint" in found["wrong"]
    full.until("runs", "Failed")
    status, [found] = says(cluster, site, "runs", "-n", namespace)
    assert (status, found["cause"]) == (1, "disk_pressure")
    assert re.search("low on resource|DiskPressure", found["wrong"])


def test_a_kubelet_that_pulls_too_many(cluster: Cluster, site: Site, namespace: str) -> None:
    site.accounts.project("often", public=True)
    image = site.push("often/app")
    cluster.node.start_kubelet("--registry-qps=1", "--registry-burst=1")
    pods = Pods(cluster, namespace)
    wanted = [pod(f"pulls-{number}", image, command=SLEEPS) for number in range(10)]
    for each in wanted:
        each["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    pods.create(*wanted)  # together: one by one there is a second between them on a slow machine

    def limited() -> dict[str, Any] | None:
        _, found = says(cluster, site, "-n", namespace)
        return next((each for each in found if each["cause"] == "pulls_limited"), None)

    try:
        found = cluster.until("one is told to wait", limited, namespace=namespace)
    finally:
        cluster.node.start_kubelet()
    assert found["wrong"].endswith(": registryPullQPS 1, registryBurst 1")
