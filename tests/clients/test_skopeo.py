"""Skopeo against the registry: copy in and out of every shape, inspect, list, sync, delete."""

import json

import pytest
from tests.clients.carriers import Skopeo
from tests.clients.image import TAG, Image, digest_of, last_layer, layout_blob
from tests.registry import Registry

PLAIN = "--tls-verify=false"


def test_round_trip(registry: Registry, skopeo: Skopeo, image: Image) -> None:
    digest = skopeo.push(image, f"{registry.address}/skopeo/app:1.0")

    got = skopeo.pull(f"{registry.address}/skopeo/app:1.0")

    assert digest == digest_of(image.manifest)
    assert got.digest == digest == registry.digest("skopeo/app", "1.0")
    assert got.random == image.random
    layer = last_layer(image.manifest)
    assert registry.blob("skopeo/app", layer) == layout_blob(image.layout, layer)
    assert registry.manifest("skopeo/app", digest) == image.manifest


@pytest.mark.parametrize("shape", ["oci", "dir", "docker-archive"])
def test_copy_there_and_back(registry: Registry, skopeo: Skopeo, image: Image, shape: str) -> None:
    first = f"{registry.address}/skopeo/{shape}:first"
    second = f"{registry.address}/skopeo/{shape}:second"
    stored = f"{shape}:{image.folder / shape}"
    skopeo.push(image, first)

    skopeo.copy(f"docker://{first}", stored)
    digest = skopeo.copy(stored, f"docker://{second}")

    got = skopeo.pull(second)
    assert got.digest == digest == registry.digest(f"skopeo/{shape}", "second")
    assert got.random == image.random
    if shape != "docker-archive":  # which holds the layers unpacked: they are compressed anew
        assert digest == digest_of(image.manifest)


def test_inspect(registry: Registry, skopeo: Skopeo, image: Image) -> None:
    reference = f"{registry.address}/skopeo/inspected:1"
    skopeo.push(image, reference)

    said = json.loads(skopeo("inspect", PLAIN, f"docker://{reference}"))

    assert said["Digest"] == digest_of(image.manifest)
    assert said["RepoTags"] == ["1"]
    assert said["Layers"][-1] == last_layer(image.manifest)
    assert skopeo("inspect", PLAIN, "--raw", f"docker://{reference}") == image.manifest.decode()


def test_list_tags(registry: Registry, skopeo: Skopeo, image: Image) -> None:
    repository = f"{registry.address}/skopeo/tagged"
    for tag in ["2.0", "1.10", "1.9", "Z", "a"]:
        skopeo.copy(f"oci:{image.layout}:{TAG}", f"docker://{repository}:{tag}")

    said = json.loads(skopeo("list-tags", PLAIN, f"docker://{repository}"))

    assert said["Tags"] == ["1.10", "1.9", "2.0", "Z", "a"]


def test_sync(registry: Registry, skopeo: Skopeo, image: Image) -> None:
    source = f"{registry.address}/skopeo/synced"
    plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    for tag in ["1", "2"]:
        skopeo.push(image, f"{source}:{tag}")

    skopeo("sync", *plain, "--src=docker", "--dest=docker", source, f"{registry.address}/mirror")

    for tag in ["1", "2"]:
        assert registry.digest("mirror/synced", tag) == digest_of(image.manifest)


def test_delete(registry: Registry, skopeo: Skopeo, image: Image) -> None:
    reference = f"{registry.address}/skopeo/deleted:1"
    digest = skopeo.push(image, reference)

    skopeo("delete", PLAIN, f"docker://{reference}")

    assert not registry.has("skopeo/deleted", "1")
    assert not registry.has("skopeo/deleted", digest)
