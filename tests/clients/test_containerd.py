"""containerd against the registry: the pulls of a Kubernetes node, by tag and by digest."""

import json

from tests.clients.carriers import Crane
from tests.clients.containerd import Containerd
from tests.clients.image import GREETING, Image, digest_of, last_layer, layout_blob
from tests.registry import Registry


def test_round_trip(registry: Registry, containerd: Containerd, crane: Crane, image: Image) -> None:
    reference = f"{registry.address}/containerd/app:1.0"
    digest = crane.push(image, reference)

    got = containerd.pull(reference)

    assert got.digest == digest == registry.digest("containerd/app", "1.0")
    assert got.random == image.random
    layer = last_layer(image.manifest)
    assert containerd.content(layer) == layout_blob(image.layout, layer)
    assert containerd.run(reference) == GREETING


def test_pull_by_digest(
    registry: Registry, containerd: Containerd, crane: Crane, image: Image
) -> None:
    digest = crane.push(image, f"{registry.address}/containerd/pinned:1")
    pinned = f"{registry.address}/containerd/pinned@{digest}"

    assert containerd.pull(pinned).digest == digest
    assert containerd.run(pinned) == GREETING


def test_push(registry: Registry, containerd: Containerd, image: Image) -> None:
    reference = f"{registry.address}/containerd/pushed:1"

    digest = containerd.push(image, reference)

    assert digest == digest_of(image.manifest) == registry.digest("containerd/pushed", "1")
    layer = last_layer(image.manifest)
    assert registry.blob("containerd/pushed", layer) == layout_blob(image.layout, layer)


def test_pull_all_platforms(
    registry: Registry, containerd: Containerd, crane: Crane, image: Image, other_image: Image
) -> None:
    name = f"{registry.address}/containerd/platforms"
    crane.push(image, f"{name}:one")
    crane.push(other_image, f"{name}:other")
    crane("mutate", "--set-platform=linux/arm64", f"{name}:other")
    crane("index", "append", "-m", f"{name}:one", "-m", f"{name}:other", "-t", f"{name}:all")

    containerd("images", "pull", "--plain-http", "--all-platforms", f"{name}:all")

    digest = containerd.digest(f"{name}:all")
    assert digest == registry.digest("containerd/platforms", "all")
    index = containerd.content(digest)
    assert digest_of(index) == digest
    for child in json.loads(index)["manifests"]:
        for layer in json.loads(containerd.content(child["digest"]))["layers"]:
            assert digest_of(containerd.content(layer["digest"])) == layer["digest"]
