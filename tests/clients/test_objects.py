"""Clients push to a registry with a store of objects, and pull from both: by us, or by redirect."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from tests.clients.client import Client
from tests.clients.image import Image
from tests.clients.test_across import CLIENTS
from tests.registry import Registry, serving
from tests.seaweed import Bucket, Seaweed

from entrepot.blobstore.objects import MARK


class Shop(NamedTuple):
    """A registry and where its blobs lie."""

    registry: Registry
    bucket: Bucket


@pytest.fixture(scope="module", params=["none", "all"], ids=["streamed", "redirected"])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, seaweed: Seaweed
) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("objects")
    with (
        seaweed.bucket() as bucket,
        serving(folder, **bucket.settings, storage_redirect=request.param) as registry,
    ):
        yield Shop(registry, bucket)
        said = registry.log.read_text().count('"status":307')
        assert said == 0 if request.param == "none" else said >= len(CLIENTS)


@pytest.mark.parametrize("name", CLIENTS)
def test_push_and_pull(
    name: str, shop: Shop, client: Callable[[str], Client], image: Image, other_image: Image
) -> None:
    registry = shop.registry
    for number, pushed in enumerate((image, other_image)):
        reference = f"{registry.address}/objects/{name}:{number}"
        digest = client("crane" if number else name).push(pushed, reference)
        got = client(name if number else "crane").pull(reference)
        assert got.digest == digest == registry.digest(f"objects/{name}", str(number))
        assert got.random == pushed.random


def test_the_store_has_the_layers(shop: Shop) -> None:
    keys = shop.bucket.keys()
    assert len(keys) > len(CLIENTS)
    assert f"blobs/{MARK}" in keys
    assert shop.bucket.uploads() == []
