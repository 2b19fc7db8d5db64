"""ORAS against the registry: artifacts, what refers to them, and single manifests and blobs."""

import json
from pathlib import Path

import httpx
from tests.clients.carriers import Oras, said_digest
from tests.clients.image import MIB, Image, digest_of, last_layer, layout_blob
from tests.registry import Registry

PLAIN = "--plain-http"
SBOM = "application/spdx+json"


def test_round_trip(registry: Registry, oras: Oras, image: Image) -> None:
    reference = f"{registry.address}/oras/app:1.0"
    digest = oras.push(image, reference)

    got = oras.pull(reference)

    assert digest == digest_of(image.manifest)
    assert got.digest == digest == registry.digest("oras/app", "1.0")
    assert got.random == image.random
    layer = last_layer(image.manifest)
    assert registry.blob("oras/app", layer) == layout_blob(image.layout, layer)
    assert oras("resolve", PLAIN, reference).strip() == digest
    assert oras("repo", "tags", PLAIN, f"{registry.address}/oras/app").split() == ["1.0"]


def test_artifact(registry: Registry, oras: Oras, image: Image, tmp_path: Path) -> None:
    reference = f"{registry.address}/oras/artifact:1"
    typed = "--artifact-type=application/vnd.test"

    said = oras("push", PLAIN, typed, reference, "random:text/plain", cwd=image.context)
    oras("pull", PLAIN, "--output", tmp_path, reference)

    manifest = oras("manifest", "fetch", PLAIN, reference)
    assert json.loads(manifest)["artifactType"] == "application/vnd.test"
    digest = digest_of(manifest.encode())
    assert said_digest(said) == digest == registry.digest("oras/artifact", "1")
    assert (tmp_path / "random").read_bytes() == image.random


def attach(oras: Oras, reference: str, folder: Path, *options: str) -> str:
    """Attach a bill of materials to an image; its digest."""
    (folder / "sbom.json").write_text("{}")
    typed = f"--artifact-type={SBOM}"
    return said_digest(oras("attach", PLAIN, typed, *options, reference, "sbom.json", cwd=folder))


def test_attach_and_discover(registry: Registry, oras: Oras, image: Image) -> None:
    reference = f"{registry.address}/oras/signed:1"
    oras.push(image, reference)

    digest = attach(oras, reference, image.folder, "--annotation=tool=test")

    found = json.loads(oras("discover", PLAIN, "--format=json", reference))["referrers"]
    assert [(one["digest"], one["artifactType"]) for one in found] == [(digest, SBOM)]
    assert found[0]["annotations"]["tool"] == "test"
    # The fallback tag is only for registries without the referrers API.
    assert oras("repo", "tags", PLAIN, f"{registry.address}/oras/signed").split() == ["1"]


def test_copy_with_referrers(registry: Registry, oras: Oras, image: Image) -> None:
    source = f"{registry.address}/oras/source:1"
    target = f"{registry.address}/oras/target:1"
    digest = oras.push(image, source)
    attached = attach(oras, source, image.folder)

    oras("cp", "--recursive", "--from-plain-http", "--to-plain-http", source, target)

    assert registry.digest("oras/target", "1") == digest
    found = json.loads(oras("discover", PLAIN, "--format=json", target))["referrers"]
    assert [one["digest"] for one in found] == [attached]


def test_blob(registry: Registry, oras: Oras, image: Image) -> None:
    repository = f"{registry.address}/oras/blobs"
    digest = digest_of(image.random)
    source = image.context / "random"
    fetched = image.folder / "fetched"

    oras("blob", "push", PLAIN, "--size", str(3 * MIB), f"{repository}@{digest}", source)
    oras("blob", "fetch", PLAIN, "--output", fetched, f"{repository}@{digest}")
    assert fetched.read_bytes() == image.random

    oras("blob", "delete", PLAIN, "--force", f"{repository}@{digest}")
    gone = httpx.head(f"{registry.url}/v2/oras/blobs/blobs/{digest}")
    assert gone.status_code == 404


def test_manifest_delete(registry: Registry, oras: Oras, image: Image) -> None:
    reference = f"{registry.address}/oras/deleted:1"
    digest = oras.push(image, reference)

    oras("manifest", "delete", PLAIN, "--force", reference)

    assert not registry.has("oras/deleted", digest)
