"""docs/kubernetes-install.md, from its first command to its last, as somebody would follow it."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests import seaweed as store
from tests.clients.client import log_in
from tests.cluster.cluster import Cluster
from tests.cluster.guide import follow, page
from tests.cluster.site import Site
from tests.deploy.chart import ROOT
from tests.deploy.image import Buildah
from tests.replicas.link import Link
from tests.tools import tool

HOST = "registry.example.org"

_OWN_NAMES = ("unshare", "--mount", "sh", "-euc", 'mount --bind "$0" /etc/hosts; exec "$@"')
"""Runs a command that takes the names of hosts from the file which comes first."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The root of this repository, as far as the page needs it."""
    folder = tmp_path / "checkout"
    caches = shutil.ignore_patterns("__pycache__")
    for name in ("deploy", "locks", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=caches)
    for name in (".dockerignore", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def _volume(cluster: Cluster, tmp_path: Path) -> Iterator[None]:
    """One that fits the claim, as a cluster has them."""
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(0o777)
    spec = {
        "capacity": {"storage": "20Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": str(folder)},
        "claimRef": {"namespace": "entrepot", "name": "entrepot"},
    }
    named = {"metadata": {"name": "entrepot"}, "spec": spec}
    cluster.apply({"apiVersion": "v1", "kind": "PersistentVolume", **named})
    yield
    cluster.kubectl("delete", "namespace", "entrepot", "--ignore-not-found", "--wait=false")
    cluster.kubectl("delete", "persistentvolume", "entrepot", "--wait=false")


@pytest.mark.usefixtures("_volume")
def test_every_command_of_the_guide(
    cluster: Cluster,
    other_site: Site,
    database_url: str,
    bucket: store.Bucket,
    image_builder: Buildah,
    checkout: Path,
    tmp_path: Path,
) -> None:
    with ExitStack() as links:
        host, url = cluster.network.host, urlsplit(database_url)
        assert url.port is not None
        database = links.enter_context(Link(url.port, host))
        objects = links.enter_context(Link(bucket.port, host))
        there = {
            "other.example.org": other_site.address,
            "s3://images/registry": bucket.url,
            "https://s3.example.org": f"http://{host}:{objects.port}",
        }
        env = {
            **image_builder.env,
            **store.CREDENTIALS,
            "DATABASE_URL": url._replace(netloc=f"{url.username}@{host}:{database.port}").geturl(),
            "KUBECONFIG": str(cluster.kubeconfig),
            "SSL_CERT_FILE": str(other_site.ca),
        }
        other_site.accounts.project("infra", public=True)
        log_in([tool("buildah")], [other_site.address], other_site.pusher, env)
        text = page("kubernetes-install.md", there)
        before, step, after = text.partition(f"Lead `{HOST}` to the address of the service.")
        assert step

        said = follow(before, checkout, env, within=550)
        assert 'deployment "entrepot" successfully rolled out' in said

        hosts = tmp_path / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{address(cluster)} {HOST}\n")
        said = follow(after, checkout, env, *_OWN_NAMES, str(hosts), within=550)
        assert said.count('deployment "entrepot" successfully rolled out') == 3
        assert 'release "entrepot" uninstalled' in said
        assert 'namespace "entrepot" deleted' in said


def address(cluster: Cluster) -> str:
    """The one of the service, in place of a load balancer's."""
    service = cluster.get("service", "entrepot", "--namespace=entrepot")
    return str(service["spec"]["clusterIP"])
