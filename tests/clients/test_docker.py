"""Docker against the registry: build, push, pull, run, and indexes for several platforms."""

import json

import pytest
from tests.clients.docker import Docker, said_digest
from tests.clients.image import GREETING, Image, last_layer, random_in
from tests.registry import Registry


def test_round_trip(registry: Registry, docker: Docker, image: Image) -> None:
    reference = f"{registry.address}/docker/app:1.0"
    digest = docker.push(image, reference)
    docker.forget(reference)

    got = docker.pull(reference)

    assert got.digest == digest == registry.digest("docker/app", "1.0")
    assert got.random == image.random
    layer = registry.blob("docker/app", last_layer(registry.manifest("docker/app", digest)))
    assert random_in(layer) == image.random
    assert docker.run(reference) == GREETING


def test_pull_by_digest(registry: Registry, docker: Docker, image: Image) -> None:
    reference = f"{registry.address}/docker/pinned:1"
    digest = docker.push(image, reference)
    docker.forget(reference)

    pinned = f"{registry.address}/docker/pinned@{digest}"

    assert docker.pull(pinned).digest == digest
    assert docker.run(pinned) == GREETING


@pytest.mark.parametrize(
    ("repository", "says"),
    [("docker/twice", "Layer already exists"), ("docker/mounted", "Mounted from docker/twice")],
)
def test_push_what_is_there(
    registry: Registry, docker: Docker, image: Image, repository: str, says: str
) -> None:
    first = f"{registry.address}/docker/twice:1"
    digest = docker.push(image, first)
    again = f"{registry.address}/{repository}:2"
    docker("tag", first, again)

    said = docker("push", again)

    assert says in said
    assert said_digest(said) == digest == registry.digest(repository, "2")


def test_platforms(registry: Registry, docker: Docker, image: Image, other_image: Image) -> None:
    name = f"{registry.address}/docker/platforms"
    digests = {
        "amd64": docker.push(image, f"{name}:amd64"),
        "arm64": docker.push(other_image, f"{name}:arm64"),
    }
    docker("manifest", "create", "--insecure", f"{name}:all", f"{name}:amd64", f"{name}:arm64")
    docker("manifest", "annotate", "--arch=arm64", f"{name}:all", f"{name}:arm64")

    digest = docker("manifest", "push", "--insecure", f"{name}:all").strip()

    assert digest == registry.digest("docker/platforms", "all")
    children = json.loads(registry.manifest("docker/platforms", "all"))["manifests"]
    assert {c["platform"]["architecture"]: c["digest"] for c in children} == digests
    got = docker.pull(f"{name}:all")
    assert got.digest == digest
    assert got.random == image.random
