"""crane against the registry: validate, append, mutate, list, copy, index, delete."""

import json
from collections.abc import Callable

import pytest
from tests.accounts import Accounts
from tests.clients.carriers import Crane
from tests.clients.client import Client, Reach
from tests.clients.image import Image, digest_of, last_layer, layer_tar, layout_blob
from tests.registry import Registry

from entrepot.auth.ca_folder import Folder


def test_round_trip(registry: Registry, crane: Crane, image: Image) -> None:
    reference = f"{registry.address}/crane/app:1.0"
    digest = crane.push(image, reference)

    got = crane.pull(reference)

    assert digest == digest_of(image.manifest)
    assert got.digest == digest == registry.digest("crane/app", "1.0")
    assert got.random == image.random
    layer = last_layer(image.manifest)
    assert registry.blob("crane/app", layer) == layout_blob(image.layout, layer)
    assert crane("digest", reference).strip() == digest
    assert crane("manifest", reference).encode() == image.manifest
    assert crane("ls", f"{registry.address}/crane/app").split() == ["1.0"]
    assert "crane/app" in crane("catalog", registry.address).split()


def test_validate(registry: Registry, crane: Crane, image: Image) -> None:
    reference = f"{registry.address}/crane/valid:1"
    crane.push(image, reference)

    said = crane("validate", "--remote", reference)

    assert said.startswith("PASS")


def test_append(registry: Registry, crane: Crane, image: Image) -> None:
    base = f"{registry.address}/crane/appended:base"
    more = image.folder / "more.tar"
    more.write_bytes(layer_tar({"more": b"more"}))
    crane.push(image, base)

    crane("append", "--base", base, "--new_layer", more, "--new_tag", f"{base}-more")

    layers = json.loads(registry.manifest("crane/appended", "base-more"))["layers"]
    assert len(layers) == 3
    assert crane("validate", "--remote", f"{base}-more").startswith("PASS")


def test_mutate(registry: Registry, crane: Crane, image: Image) -> None:
    reference = f"{registry.address}/crane/mutated:1"
    before = crane.push(image, reference)

    crane("mutate", "--label=team=build", reference)

    assert json.loads(crane("config", reference))["config"]["Labels"] == {"team": "build"}
    assert registry.digest("crane/mutated", "1") != before
    assert registry.has("crane/mutated", before)


def test_copy(registry: Registry, crane: Crane, image: Image) -> None:
    source = f"{registry.address}/crane/original:1"
    digest = crane.push(image, source)

    crane("copy", source, f"{registry.address}/crane/copied:1")

    assert registry.digest("crane/copied", "1") == digest
    assert crane.pull(f"{registry.address}/crane/copied:1").random == image.random


def test_index_append(registry: Registry, crane: Crane, image: Image, other_image: Image) -> None:
    name = f"{registry.address}/crane/index"
    digests = [crane.push(image, f"{name}:one"), crane.push(other_image, f"{name}:other")]

    crane("index", "append", "-m", f"{name}:one", "-m", f"{name}:other", "-t", f"{name}:all")

    index = json.loads(registry.manifest("crane/index", "all"))
    assert [child["digest"] for child in index["manifests"]] == digests
    assert crane("digest", f"{name}:all").strip() == registry.digest("crane/index", "all")
    assert crane("validate", "--remote", f"{name}:all").startswith("PASS")


def test_delete(registry: Registry, crane: Crane, image: Image) -> None:
    name = f"{registry.address}/crane/deleted"
    digest = crane.push(image, f"{name}:1")

    crane("delete", f"{name}@{digest}")

    assert not registry.has("crane/deleted", "1")
    assert not registry.has("crane/deleted", digest)


def test_tags_that_float(
    guarded: tuple[Registry, Accounts],
    certificates: Folder,
    newcomer: Callable[[str, Reach], Client],
    image: Image,
    other_image: Image,
) -> None:
    """Pushed by somebody who may not move tags; by hand crane cannot, and says why."""
    registry, accounts = guarded
    accounts.project("floating")
    accounts.floats("floating/*", latest=True, minor=True)
    crane = newcomer("crane", Reach(registry.address, certificates.ca.cert))
    crane.login(registry.address, accounts.robot("floating", "writer:floating/*"))
    repository = f"{registry.address}/floating/app"

    crane.push(image, f"{repository}:1.4.1")
    newer = crane.push(other_image, f"{repository}:1.4.2")
    assert isinstance(crane, Crane)
    assert crane("ls", repository).split() == ["1.4", "1.4.1", "1.4.2", "latest"]
    for tag in ("1.4", "latest"):
        assert crane("digest", f"{repository}:{tag}").strip() == newer
    with pytest.raises(pytest.fail.Exception, match="floating/app:latest floats: the registry"):
        crane.push(image, f"{repository}:latest")
    crane.push(other_image, f"{repository}:latest")


def test_an_immutable_tag(
    guarded: tuple[Registry, Accounts],
    certificates: Folder,
    newcomer: Callable[[str, Reach], Client],
    image: Image,
    other_image: Image,
) -> None:
    """The same image again is fine; another one, or none, is refused, and crane says why."""
    registry, accounts = guarded
    accounts.project("lasting", immutable=("v*",))
    crane = newcomer("crane", Reach(registry.address, certificates.ca.cert))
    crane.login(registry.address, accounts.robot("lasting", "owner:lasting/*"))
    repository = f"{registry.address}/lasting/app"

    digest = crane.push(image, f"{repository}:v1")
    assert crane.push(image, f"{repository}:v1") == digest
    says = r"lasting/app:v1 is immutable by rule 1 \(tags v[*] in lasting/[*], set by user:admin on"
    with pytest.raises(pytest.fail.Exception, match=f"{says} .*: push another tag"):
        crane.push(other_image, f"{repository}:v1")
    assert isinstance(crane, Crane)
    for reference in (f"{repository}:v1", f"{repository}@{digest}"):
        with pytest.raises(pytest.fail.Exception, match=says):
            crane("delete", reference)

    crane.push(other_image, f"{repository}:v2")
    assert crane("digest", f"{repository}:v1").strip() == digest
