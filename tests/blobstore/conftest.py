"""The stores that the contract is tested on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from entrepot.blobstore.disk import DiskStore
from entrepot.blobstore.store import Store


def on_disk(folder: Path) -> DiskStore:
    return DiskStore(folder)


STORES: list[Callable[[Path], Store]] = [on_disk]


@pytest.fixture(params=STORES, ids=lambda make: make.__name__)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store of each kind, empty."""
    store: Store = request.param(tmp_path / "blobs")
    store.prepare()
    return store
