"""Clients with the files of `entrepot mirror-config`: they pull from a copy, the primary is down.

One replica is another Entrepot by TLS, with images by their own names; the other is a
docker-registry that has them below a path.
"""

import copy
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.accounts import ADMIN, Accounts, first_start
from tests.clients.carriers import Crane
from tests.clients.client import Reach
from tests.clients.conftest import MakeImage
from tests.clients.containerd import Containerd
from tests.clients.docker import Docker
from tests.clients.image import Image, digest_of
from tests.clients.podman import Podman
from tests.content import put_image
from tests.registry import free_port, serving
from tests.upstream.cache.conftest import stand_for
from tests.upstream.peer import docker_registry
from tests.warm import entrepot

from entrepot.auth.ca_folder import Folder


@dataclass(frozen=True)
class Site:
    """An image, and the places that have it."""

    image: Image
    primary: str
    """The address of a registry that was, and is no more."""
    options: dict[str, tuple[str, ...]]
    """By what a replica is, where it is and whom to trust there."""

    @property
    def reference(self) -> str:
        return f"{self.primary}/team/app:1"


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    new_image: MakeImage,
    crane: Crane,
    certificates: Folder,
) -> Iterator[Site]:
    folder, image, ca = tmp_path_factory.mktemp("site"), new_image(), certificates.ca.cert
    tls = {"tls_cert": certificates.server.cert, "tls_key": certificates.server.key}
    with serving(folder / "replica", **tls) as replica, docker_registry(folder / "peer") as peer:
        with serving(folder / "primary") as primary:
            crane.push(image, f"{primary.address}/team/app:1")
        crane.push(image, f"{peer}/mirror/team/app:1")
        safe = Crane(folder / "crane", Reach(replica.address, ca))
        for name in ("team", "library"):
            safe.push(image, f"{replica.address}/{name}/app:1")
        options = {
            "entrepot": (replica.address, "--ca", str(ca)),
            "docker-registry": (f"{peer}/mirror",),
        }
        yield Site(image, primary.address, options)


def configured(folder: Path, *words: str) -> Path:
    """The files of a node."""
    done = entrepot("mirror-config", *words, "--to", str(folder))
    assert (done.status, done.error) == (0, "")
    return folder / "etc"


@pytest.mark.parametrize("kind", ["entrepot", "docker-registry"])
def test_containerd(site: Site, containerd: Containerd, kind: str, tmp_path: Path) -> None:
    etc = configured(tmp_path, "containerd", site.primary, "--replica", *site.options[kind])
    node = Containerd(containerd.folder, containerd.socket, containerd.env)
    node.options = ["--hosts-dir", str(etc / "containerd/certs.d")]
    assert node.pull(site.reference).random == site.image.random
    assert node.digest(site.reference) == digest_of(site.image.manifest)
    node.forget(site.reference)


def test_containerd_where_only_one_place_is_left(
    site: Site, containerd: Containerd, tmp_path: Path
) -> None:
    """The old name stands in manifests, and nothing is asked there any more."""
    words = ("containerd", site.primary, "--no-upstream", "--primary", *site.options["entrepot"])
    etc = configured(tmp_path, *words)
    node = Containerd(containerd.folder, containerd.socket, containerd.env)
    node.options = ["--hosts-dir", str(etc / "containerd/certs.d")]
    assert node.pull(site.reference).random == site.image.random
    node.forget(site.reference)


@pytest.mark.parametrize("kind", ["entrepot", "docker-registry"])
def test_podman(site: Site, podman: Podman, kind: str, tmp_path: Path) -> None:
    etc = configured(tmp_path, "podman", site.primary, "--replica", *site.options[kind])
    shutil.copytree(etc / "containers", tmp_path / ".config/containers")
    node = copy.copy(podman)
    node.env, node.plain = {**podman.env, "HOME": str(tmp_path)}, []
    assert node.pull(site.reference).random == site.image.random
    node.forget(site.reference)


def test_podman_takes_short_names(site: Site, podman: Podman, tmp_path: Path) -> None:
    words = ("podman", "docker.io", "--short-names", "--primary", *site.options["entrepot"])
    etc = configured(tmp_path, *words)
    shutil.copytree(etc / "containers", tmp_path / ".config/containers")
    node = copy.copy(podman)
    node.env, node.plain = {**podman.env, "HOME": str(tmp_path)}, []
    node("pull", "--quiet", "app:1")
    assert "docker.io/library/app:1" in node("images", "--format", "{{.Repository}}:{{.Tag}}")
    node.forget("docker.io/library/app:1")


def test_docker(site: Site, docker: Docker) -> None:
    """Its mirrors are for Docker Hub, which nobody reaches from here."""
    mirror, *ca = site.options["entrepot"]
    etc = configured(docker.folder / "node", "docker", "docker.io", "--cache", mirror, *ca)
    with docker.configured((etc / "docker/daemon.json").read_text()):
        assert docker.pull("app:1").random == site.image.random
        docker.forget("app:1")


def test_docker_through_a_cache(image: Image, crane: Crane, docker: Docker, tmp_path: Path) -> None:
    """By a host of its own, since docker does not say for which registry it asks; at last with that
    registry away. What is called the same here is another image.
    """
    data, port = tmp_path / "cache" / "data", free_port()
    host = f"localhost:{port}"
    first_start(data)
    Accounts(data).project("hub", public=True)
    settings: dict[str, str | bool] = {
        "listen": f"127.0.0.1:{port}",
        "mirror_hosts": f"{host}=docker.io",
        "outbound_allow": "127.0.0.0/8",
        "dangerously_without_accounts": False,
    }
    words = ("docker", "docker.io", "--cache", host, "--plain-http", host)
    text = (configured(tmp_path, *words) / "docker/daemon.json").read_text()
    with ExitStack() as upstream, ExitStack() as stack:
        peer = upstream.enter_context(docker_registry(tmp_path / "peer"))
        crane.push(image, f"{peer}/library/app:1")
        stand_for(data, peer, hosts=("docker.io",), tag_seconds=0.1)
        cache = stack.enter_context(serving(tmp_path / "cache", **settings))
        with httpx.Client(base_url=cache.url, auth=ADMIN.pair) as admin:
            put_image(admin, "library/app", "1", b"of our own")
        stack.enter_context(docker.configured(text))
        for _ in range(2):
            assert docker.pull("app:1").random == image.random
            docker.forget("app:1")
            upstream.close()
