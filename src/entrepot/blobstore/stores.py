"""`store_at`: the store that the settings mean, a folder of this machine or a bucket."""

from pathlib import Path

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.blobstore.encrypted import EncryptedStore
from entrepot.blobstore.place import Place
from entrepot.blobstore.store import Store, lacking
from entrepot.encryption.keys import Keyring


def store_at(data: Path, place: Place | None, keyring: Keyring) -> Store:
    """A store, with whatever is needed to read what lies encrypted there. Raises `StoreError`."""
    return EncryptedStore(_plain(data, place), keyring)


def _plain(data: Path, place: Place | None) -> Store:
    if place is None:
        return DiskStore(folder_of(data))
    try:
        from entrepot.blobstore.objects import ObjectStore
    except ImportError:
        raise lacking(place) from None
    return ObjectStore(place)
