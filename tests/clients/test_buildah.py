"""Buildah against the registry: build, push, pull, and manifest lists with all they list."""

import json

from tests.clients.image import Image, last_layer, random_in
from tests.clients.podman import PLAIN, Buildah
from tests.registry import Registry


def test_round_trip(registry: Registry, buildah: Buildah, image: Image) -> None:
    reference = f"{registry.address}/buildah/app:1.0"
    digest = buildah.push(image, reference)
    buildah.forget(reference)

    got = buildah.pull(reference)

    assert got.digest == digest == registry.digest("buildah/app", "1.0")
    assert got.random == image.random
    layer = registry.blob("buildah/app", last_layer(registry.manifest("buildah/app", digest)))
    assert random_in(layer) == image.random


def test_manifest_push_all(registry: Registry, buildah: Buildah, image: Image) -> None:
    listed = f"{registry.address}/buildah/platforms:1"
    platforms = "linux/amd64,linux/arm64"
    buildah(
        "bud",
        "--quiet",
        "--isolation=chroot",
        "--platform",
        platforms,
        "--manifest",
        listed,
        image.context,
    )

    buildah("manifest", "push", "--quiet", "--all", PLAIN, listed, f"docker://{listed}")

    index = json.loads(registry.manifest("buildah/platforms", "1"))
    architectures = sorted(child["platform"]["architecture"] for child in index["manifests"])
    assert architectures == ["amd64", "arm64"]
    for child in index["manifests"]:
        assert registry.digest("buildah/platforms", child["digest"]) == child["digest"]
        manifest = registry.manifest("buildah/platforms", child["digest"])
        assert random_in(registry.blob("buildah/platforms", last_layer(manifest))) == image.random
