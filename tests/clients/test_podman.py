"""Podman against the registry: build, push, pull, run."""

from tests.clients.image import GREETING, Image, last_layer, random_in
from tests.clients.podman import PLAIN, Podman
from tests.registry import Registry


def test_round_trip(registry: Registry, podman: Podman, image: Image) -> None:
    reference = f"{registry.address}/podman/app:1.0"
    digest = podman.push(image, reference)
    podman.forget(reference)

    got = podman.pull(reference)

    assert got.digest == digest == registry.digest("podman/app", "1.0")
    assert got.random == image.random
    layer = registry.blob("podman/app", last_layer(registry.manifest("podman/app", digest)))
    assert random_in(layer) == image.random
    assert podman.run(reference) == GREETING


def test_pull_by_digest(registry: Registry, podman: Podman, image: Image) -> None:
    reference = f"{registry.address}/podman/pinned:1"
    digest = podman.push(image, reference)
    podman.forget(reference)

    pinned = f"{registry.address}/podman/pinned@{digest}"

    assert podman.pull(pinned).digest == digest
    assert podman.run(pinned) == GREETING


def test_docker_format(registry: Registry, podman: Podman, image: Image) -> None:
    reference = f"{registry.address}/podman/v2s2:1"
    podman.build(image, reference)

    podman("push", "--quiet", PLAIN, "--format=v2s2", reference)

    docker_manifest = "application/vnd.docker.distribution.manifest.v2+json"
    assert registry.head("podman/v2s2", "1")["Content-Type"] == docker_manifest
    podman.forget(reference)
    assert podman.pull(reference).digest == registry.digest("podman/v2s2", "1")
