"""Clients see no difference where all is encrypted; the folder shows nothing of their images."""

from collections.abc import Callable, Iterator

import pytest
from tests.clients.client import Client
from tests.clients.image import GREETING, Image
from tests.files import contents
from tests.registry import Registry, serving

from entrepot.encryption.keys import MasterKey

CLIENTS = ["docker", "podman", "buildah", "skopeo", "containerd", "crane", "oras"]


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("encrypted")
    with serving(folder, workers=2, encryption_key=MasterKey.new().line) as registry:
        yield registry


@pytest.mark.parametrize("name", CLIENTS)
def test_push_and_pull(
    name: str, encrypted: Registry, client: Callable[[str], Client], image: Image
) -> None:
    reference = f"{encrypted.address}/encrypted/{name}:1"
    digest = client(name).push(image, reference)
    got = client("oras" if name == "crane" else "crane").pull(reference)
    assert got.digest == digest == encrypted.digest(f"encrypted/{name}", "1")
    assert got.random == image.random
    middle = len(image.random) // 2
    planted = [image.random[middle : middle + 32], GREETING.encode()]
    for file, content in contents(encrypted.data):
        assert not [part for part in planted if part in content], file
