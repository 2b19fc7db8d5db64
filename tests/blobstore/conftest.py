"""The stores that the contract is tested on."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.seaweed import Bucket

from entrepot.blobstore.disk import DiskStore
from entrepot.blobstore.encrypted import EncryptedStore
from entrepot.blobstore.objects import ObjectStore
from entrepot.blobstore.store import Store
from entrepot.db.pieces import Piece
from entrepot.encryption.keys import NO_KEYS, Keyring, MasterKey

KEYS = Keyring((MasterKey.new(),))


def on_disk(request: pytest.FixtureRequest) -> DiskStore:
    tmp_path: Path = request.getfixturevalue("tmp_path")
    return DiskStore(tmp_path / "blobs")


def in_bucket(request: pytest.FixtureRequest) -> ObjectStore:
    bucket: Bucket = request.getfixturevalue("bucket")
    return ObjectStore(bucket.place)


STORES: dict[str, Callable[[pytest.FixtureRequest], Store]] = {
    "disk": on_disk,
    "encrypted-disk": lambda request: EncryptedStore(on_disk(request), KEYS),
    "disk-before-there-was-a-key": lambda request: EncryptedStore(on_disk(request), NO_KEYS),
    "objects": in_bucket,
    "encrypted-objects": lambda request: EncryptedStore(in_bucket(request), KEYS),
}


def begin(store: Store) -> Piece:
    """A piece as that store wants it."""
    return Piece.new(store.keyring if isinstance(store, EncryptedStore) else NO_KEYS)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Store:
    """A store of each kind, empty."""
    store = STORES[request.param](request)
    store.prepare()
    return store
