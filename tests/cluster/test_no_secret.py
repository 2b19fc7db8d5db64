"""Pods pull with no stored secret, each as its own service account, by the kubelet's plugin."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.clients.image import GREETING
from tests.cluster.cluster import Cluster
from tests.cluster.operator import Operator
from tests.cluster.pod import Pods, pod
from tests.cluster.site import Site
from tests.warm import entrepot

from entrepot.kube.provider_config import Installation


@pytest.fixture(scope="module")
def operator(
    cluster: Cluster, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """Who has put the plugin on the node and started the kubelet with it."""
    operator = Operator(cluster, site, tmp_path_factory.mktemp("operator"))
    folder = tmp_path_factory.mktemp("plugin")
    installed = Installation(str(folder), site.address, site.address, site.ca.read_text())
    installed.write(folder)
    cluster.node.start_kubelet(*installed.flags())
    yield operator
    operator.kube("disconnect", "--yes")
    cluster.node.start_kubelet()


def connect(operator: Operator, *allowed: str) -> None:
    words = [word for each in allowed for word in ("--allow", each)]
    done = operator.kube("connect", *words, "--yes")
    assert done.status == 0, done.error


def audited(operator: Operator, repository: str) -> list[dict[str, Any]]:
    """What the audit says of pulls from there, once it does."""

    def find() -> list[dict[str, Any]]:
        rows = operator.said("audit", "list", "--repo", repository, "--action", "pull")
        return list(rows)

    return operator.cluster.until(f"the audit has pulls of {repository}", find)


def test_a_pod_pulls_as_its_service_account(
    operator: Operator, cluster: Cluster, site: Site, namespace: str
) -> None:
    image = site.push("free/greeter")
    connect(operator, f"{namespace}=reader:free/*")
    assert Pods(cluster, namespace).run(pod("greets", image)).strip() == GREETING
    details = [row["detail"] for row in audited(operator, "free/greeter")]
    assert {
        "namespace": namespace,
        "serviceaccount": "default",
        "pod": "greets",
        "node": "node-1",
    }.items() <= details[0].items()


def test_a_pod_of_another_namespace_does_not(
    operator: Operator, cluster: Cluster, site: Site, namespace: str
) -> None:
    image = site.push("kept/greeter")
    connect(operator, f"{namespace}=reader:kept/*")
    with cluster.namespace(f"{namespace}-elsewhere") as elsewhere:
        pods = Pods(cluster, elsewhere)
        pods.create(pod("waits", image))
        assert image in pods.refused("waits")
    assert Pods(cluster, namespace).run(pod("greets", image)).strip() == GREETING


def test_a_service_account_may_more_than_others(
    operator: Operator, cluster: Cluster, site: Site, namespace: str
) -> None:
    image = site.push("own/greeter")
    connect(operator, f"{namespace}/puller=reader:own/*")
    pods = Pods(cluster, namespace)
    pods.kubectl("create", "serviceaccount", "puller")
    wanted = pod("greets", image)
    wanted["spec"]["serviceAccountName"] = "puller"
    assert pods.run(wanted).strip() == GREETING
    other = pod("waits", image)
    other["spec"]["containers"][0]["imagePullPolicy"] = "Always"  # it is on the node already
    pods.create(other)
    assert image in pods.refused("waits")


def test_the_doctor_tries_the_plugin(
    operator: Operator, cluster: Cluster, site: Site, namespace: str, tmp_path: Path
) -> None:
    """One pod, whose account may more and more; what is trusted is in the files alone."""
    site.push("tried/greeter")
    pods = Pods(cluster, namespace)
    pods.create(pod("waits", f"{site.address}/tried/greeter:none"))
    files = ("--node-files", str(tmp_path))

    def says(*words: str) -> dict[str, Any]:
        given = ("kube", "doctor", "waits", "-n", namespace, "--json", *words)
        [found] = json.loads(entrepot(*given, **operator.env).output)
        return dict(found)

    def meant(cause: str) -> dict[str, Any]:
        """Once the API server goes by the rights that were just changed."""

        def find() -> dict[str, Any] | None:
            found = says(*files)
            return found if found["cause"] == cause else None

        return cluster.until(f"the doctor says {cause}", find, namespace=namespace)

    pods.refused("waits")
    assert operator.kube("disconnect", "--yes").status == 0
    allowed = ("--allow", "elsewhere=reader:tried/*", "--ca", str(site.ca), *files)
    assert operator.kube("connect", "--yes", *allowed).status == 0
    found = meant("provider_refused")
    assert "no rule here says whom it means" in found["wrong"]
    assert f"-n {namespace} create token default --audience {site.address} " in found["mend"]
    assert found["asked"][-1]["ca"] != []

    connect(operator, f"{namespace}=reader:elsewhere/*")
    found = meant("account_forbidden")
    assert "; entrepot can workload:" in found["mend"]

    connect(operator, f"{namespace}=reader:tried/*")
    assert meant("tag_missing")["notes"] == []
    found = says()
    assert found["cause"] == "no_credential", found
    assert "not looked at: " in found["notes"][-1]

    assert operator.kube("disconnect", "--yes").status == 0
    found = meant("audience_forbidden")
    assert "the kubelet of node-1 may not ask tokens" in found["wrong"]


def test_after_disconnecting_no_pod_pulls(
    operator: Operator, cluster: Cluster, site: Site, namespace: str, tmp_path: Path
) -> None:
    image = site.push("gone/greeter")
    connect(operator, f"{namespace}=reader:gone/*")
    assert operator.kube("disconnect", "--yes").status == 0
    pods = Pods(cluster, namespace)
    pods.create(pod("waits", image))
    assert image in pods.refused("waits")
