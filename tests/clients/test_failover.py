"""Clients with the files of `entrepot mirror-config`: they pull from a copy, the primary is down.

One replica is another Entrepot by TLS, with images by their own names; the other is a
docker-registry that has them below a path.
"""

import copy
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.clients.carriers import Crane
from tests.clients.client import Reach
from tests.clients.conftest import MakeImage
from tests.clients.containerd import Containerd
from tests.clients.docker import Docker
from tests.clients.image import Image, digest_of
from tests.clients.podman import Podman
from tests.registry import serving
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
    daemon, (mirror, *ca) = docker.folder / "daemon.json", site.options["entrepot"]
    etc = configured(docker.folder / "node", "docker", "docker.io", "--cache", mirror, *ca)
    try:
        daemon.write_text((etc / "docker/daemon.json").read_text())
        _reload(docker, f"https://{mirror}/")
        assert docker.pull("app:1").random == site.image.random
        docker.forget("app:1")
    finally:
        daemon.write_text('{"registry-mirrors": []}')
        _reload(docker, "[]")


def _reload(docker: Docker, mirrors: str) -> None:
    os.kill(int((docker.folder / "pid").read_text()), signal.SIGHUP)
    for _ in range(50):
        if mirrors in docker("info", "--format", "{{json .RegistryConfig.Mirrors}}"):
            return
        time.sleep(0.1)
    raise AssertionError("dockerd did not read its daemon.json")
