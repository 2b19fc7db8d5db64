"""`end_of`: the database and the store that settings mean, for commands on the data itself."""

from typing import TYPE_CHECKING

from entrepot.cli.options import fail
from entrepot.settings import Settings

if TYPE_CHECKING:
    from entrepot.upkeep.moving.end import End


def end_of(chosen: Settings) -> "End":
    """Both. Raises `SettingsError`."""
    from entrepot.blobstore.disk import folder_of
    from entrepot.blobstore.store import StoreError
    from entrepot.blobstore.stores import store_at
    from entrepot.upkeep.moving.end import End

    keyring = chosen.keyring()
    try:
        store = store_at(chosen.data, chosen.place, keyring)
    except StoreError as error:
        fail(str(error))
    blobs = str(chosen.place or folder_of(chosen.data).absolute())
    endpoint = f" at {chosen.storage_endpoint}" if chosen.storage_endpoint else ""
    return End(chosen.metadata(keyring), store, blobs + endpoint)
