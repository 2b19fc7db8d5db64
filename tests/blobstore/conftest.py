"""The stores that the contract is tested on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from entrepot.blobstore.disk import DiskStore
from entrepot.blobstore.encrypted import EncryptedStore
from entrepot.blobstore.store import Store
from entrepot.db.pieces import Piece
from entrepot.encryption.keys import NO_KEYS, Keyring, MasterKey


def on_disk(folder: Path) -> DiskStore:
    return DiskStore(folder)


def encrypted(folder: Path) -> EncryptedStore:
    return EncryptedStore(DiskStore(folder), Keyring((MasterKey.new(),)))


def not_encrypted(folder: Path) -> EncryptedStore:
    """What came before there was a key passes through."""
    return EncryptedStore(DiskStore(folder), NO_KEYS)


STORES: list[Callable[[Path], Store]] = [on_disk, encrypted, not_encrypted]


def begin(store: Store) -> Piece:
    """A piece as that store wants it."""
    return Piece.new(store.keyring if isinstance(store, EncryptedStore) else NO_KEYS)


@pytest.fixture(params=STORES, ids=lambda make: make.__name__)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store of each kind, empty."""
    store: Store = request.param(tmp_path / "blobs")
    store.prepare()
    return store
