"""The chart in the cluster: taken by the API server; installed, upgraded and uninstalled."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.accounts import ADMIN
from tests.cli.command import entrepot
from tests.clients.carriers import Skopeo
from tests.clients.client import Reach
from tests.clients.helm import Helm
from tests.clients.image import GREETING, MIB, Image, make_image
from tests.cluster.cluster import Cluster
from tests.cluster.pod import Pods, pod
from tests.cluster.site import Site
from tests.deploy.chart import CHART, MATRIX, render
from tests.tools import tool

from entrepot.auth.ca_folder import Folder


@pytest.mark.parametrize("case", MATRIX)
def test_api_server_takes_it(cluster: Cluster, namespace: str, case: str) -> None:
    """All objects, as the API server sees them, in a namespace that insists on `restricted`."""
    restrict(cluster, namespace)
    objects = [
        {**found, "metadata": {**found["metadata"], "namespace": namespace}}
        for found in render(MATRIX[case]).manifests
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    strict = ["--dry-run=server", "--validate=strict", "--warnings-as-errors"]

    said = cluster.kubectl("create", *strict, "--filename=-", text=text)

    assert said.count("created (server dry run)") == len(objects)


class Release:
    """The chart, installed from the registry's own address."""

    def __init__(self, cluster: Cluster, site: Site, namespace: str, folder: Path) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._source = f"oci://{site.address}/charts/entrepot"
        self._helm = Helm(folder / "helm", Reach(site.address, site.ca))
        self._helm.env["KUBECONFIG"] = str(cluster.kubeconfig)
        self._helm.login(site.address, site.pusher)
        self._helm("package", CHART, "--destination", folder)
        charts = f"oci://{site.address}/charts"
        self._helm("push", *self._helm.reach, next(folder.glob("entrepot-*.tgz")), charts)

    def __call__(self, command: str, values: dict[str, Any]) -> None:
        """Install or upgrade, and return when it is ready."""
        file = self._helm.folder / "values.json"
        file.write_text(json.dumps(values))
        where: list[str | Path] = [
            "--namespace",
            self._namespace,
            "--values",
            file,
            *self._helm.reach,
        ]
        self._helm(command, "entrepot", self._source, *where)
        self.await_ready()

    def await_ready(self) -> None:
        wait = ["rollout", "status", "deployment/entrepot", "--timeout=100s"]
        self._cluster.kubectl(*wait, "--namespace", self._namespace, within=120)

    def uninstall(self) -> None:
        self._helm("uninstall", "entrepot", "--namespace", self._namespace, "--wait")


def restrict(cluster: Cluster, namespace: str) -> None:
    """Have the API server refuse pods that are not of this level, and warn of who makes such."""
    labels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
    cluster.kubectl("label", "namespace", namespace, *labels)


@pytest.fixture
def volume(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Path]:
    """A folder on the node that is the only volume of its kind."""
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(0o777)
    spec = {
        "capacity": {"storage": "20Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": {"path": str(folder)},
        "claimRef": {"namespace": namespace, "name": "entrepot"},
    }
    named = {"metadata": {"name": namespace}, "spec": spec}
    cluster.apply({"apiVersion": "v1", "kind": "PersistentVolume", **named})
    yield folder
    cluster.kubectl("delete", "persistentvolume", namespace, "--wait=false")


@pytest.fixture
def own(site: Site, own_image: Image, tmp_path: Path) -> dict[str, str]:
    """The registry's own image, in the registry; as the chart's value."""
    site.accounts.project("infra", public=True)
    repository = f"{site.address}/infra/entrepot"
    skopeo = Skopeo(tmp_path / "own", Reach(site.address, site.ca))
    skopeo.login(site.address, site.pusher)
    skopeo.push(own_image, f"{repository}:1")
    return {"repository": repository, "tag": "1"}


@pytest.mark.timeout(600)
def test_installed_upgraded_uninstalled(
    cluster: Cluster,
    site: Site,
    namespace: str,
    volume: Path,
    own: dict[str, str],
    tmp_path: Path,
) -> None:
    restrict(cluster, namespace)
    tls = certificate(cluster, namespace, tmp_path)
    values = {
        "image": own,
        "admin": {"secret": {"name": "admin"}},
        "persistence": {"storageClass": ""},
        "service": {"type": "NodePort"},
        "networkPolicy": {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    }
    release = Release(cluster, site, namespace, tmp_path)
    release("install", values)
    address = f"{cluster.network.node}:{node_port(cluster, namespace)}"
    skopeo = Skopeo(tmp_path / "skopeo", Reach(address, tls.ca.cert))
    skopeo.login(address, ADMIN)
    image = make_image(tmp_path / "image", tool("busybox"), MIB)
    pushed = skopeo.push(image, f"{address}/team/app:1")
    assert skopeo.pull(f"{address}/team/app:1").random == image.random
    assert greets(cluster, f"{address}/team/app:1", tls.ca.cert)

    before = pods(cluster, namespace)
    release("upgrade", {**values, "config": {"trash_days": 3}})

    assert not pods(cluster, namespace) & before
    assert skopeo.pull(f"{address}/team/app:1").digest == pushed
    release.uninstall()
    kept = {"persistentvolumeclaim/entrepot"}
    cluster.until("all else is gone", lambda: left(cluster, namespace) == kept)
    assert (volume / "entrepot.sqlite").exists()


def greets(cluster: Cluster, image: str, ca: Path) -> bool:
    """Whether a pod elsewhere runs an image of the registry in the cluster."""
    address = image.partition("/")[0]
    cluster.node.trust(address, ca)
    with cluster.namespace("apps") as namespace:
        pods = Pods(cluster, namespace)
        who = [f"--docker-username={ADMIN.name}", f"--docker-password={ADMIN.secret}"]
        create = ["create", "secret", "docker-registry", "entrepot"]
        pods.kubectl(*create, f"--docker-server={address}", *who)
        return GREETING in pods.run(pod("greets", image, secrets=["entrepot"]))


def certificate(cluster: Cluster, namespace: str, folder: Path) -> Folder:
    """A certificate for the node's address, and what else the chart wants to find as secrets."""
    done = entrepot("tls", "init", "--dir", str(folder / "tls"), f"--name={cluster.network.node}")
    assert done.status == 0, done.error
    tls = Folder(folder / "tls")
    pair = [f"--cert={tls.server.cert}", f"--key={tls.server.key}"]
    create = ["create", "--namespace", namespace, "secret"]
    cluster.kubectl(*create, "tls", "entrepot-tls", *pair)
    cluster.kubectl(*create, "generic", "admin", f"--from-literal=password={ADMIN.secret}")
    return tls


def node_port(cluster: Cluster, namespace: str) -> int:
    service = cluster.get("service", "entrepot", f"--namespace={namespace}")
    return int(service["spec"]["ports"][0]["nodePort"])


def pods(cluster: Cluster, namespace: str) -> set[str]:
    return {
        found["metadata"]["uid"]
        for found in cluster.get("pods", f"--namespace={namespace}")["items"]
    }


def left(cluster: Cluster, namespace: str) -> set[str]:
    """What the release has left."""
    kinds = "all,configmap,secret,serviceaccount,networkpolicy,persistentvolumeclaim,ingress"
    chosen = ["--selector=app.kubernetes.io/instance=entrepot", f"--namespace={namespace}"]
    found = cluster.get(kinds, *chosen)["items"]
    return {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in found}
