"""Clients that pull through the cache, by its name or as a mirror, also while upstream is away."""

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.clients.carriers import Crane
from tests.clients.client import Client
from tests.clients.containerd import Containerd
from tests.clients.image import Image, digest_of
from tests.clients.podman import Podman
from tests.registry import Registry, serving
from tests.upstream.cache.conftest import stand_for
from tests.upstream.peer import docker_registry

HOST = "up.test"
NAMED = f"{HOST}/team/app:1"

HOSTS = """\
server = "https://{host}"

[host."http://{cache}"]
  capabilities = ["pull", "resolve"]
"""
REGISTRIES = """\
[[registry]]
prefix = "{host}"
location = "{host}"
[[registry.mirror]]
location = "{cache}/{host}"
insecure = true
"""


@dataclass
class Site:
    """A cache that keeps an image, and the way to be rid of its upstream."""

    image: Image
    cache: Registry
    upstream: ExitStack


@pytest.fixture
def site(image: Image, crane: Crane, tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as upstream:
        peer = upstream.enter_context(docker_registry(tmp_path / "peer"))
        crane.push(image, f"{peer}/team/app:1")
        stand_for(tmp_path / "cache" / "data", peer, hosts=(HOST,), tag_seconds=0.1)
        with serving(tmp_path / "cache", outbound_allow="127.0.0.0/8") as cache:
            yield Site(image, cache, upstream)


def test_containerd(site: Site, containerd: Containerd, tmp_path: Path) -> None:
    place = tmp_path / "certs.d" / HOST
    place.mkdir(parents=True)
    (place / "hosts.toml").write_text(HOSTS.format(host=HOST, cache=site.cache.address))
    node = Containerd(containerd.folder, containerd.socket, containerd.env)
    node.options = ["--hosts-dir", str(place.parent)]
    for _ in range(2):  # at first it is fetched; then upstream is away
        assert node.pull(NAMED).random == site.image.random
        assert node.digest(NAMED) == digest_of(site.image.manifest)
        node.forget(NAMED)
        site.upstream.close()


def test_podman(site: Site, podman: Podman, tmp_path: Path) -> None:
    place = tmp_path / ".config/containers/registries.conf.d"
    place.mkdir(parents=True)
    text = REGISTRIES.format(host=HOST, cache=site.cache.address)
    (place / "up.conf").write_text(text)
    node = copy.copy(podman)
    node.env, node.plain = {**podman.env, "HOME": str(tmp_path)}, []
    for _ in range(2):
        assert node.pull(NAMED).random == site.image.random
        node.forget(NAMED)
        site.upstream.close()


@pytest.mark.parametrize("name", ["docker", "podman", "skopeo"])
def test_by_its_own_name(site: Site, name: str, client: Callable[[str], Client]) -> None:
    reference = f"{site.cache.address}/hub/team/app:1"
    for _ in range(2):
        assert client(name).pull(reference).random == site.image.random
        forget = getattr(client(name), "forget", None)
        if forget is not None:
            forget(reference)
        site.upstream.close()
