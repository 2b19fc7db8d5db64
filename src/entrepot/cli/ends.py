"""`end_of`: the database and the store that settings mean, for commands on the data itself."""

from typing import TYPE_CHECKING

from entrepot.cli.options import fail
from entrepot.settings import Settings

if TYPE_CHECKING:
    from entrepot.upkeep.moving.end import End


def end_of(chosen: Settings) -> "End":
    """Both. Raises `SettingsError`."""
    from entrepot.blobstore.store import StoreError
    from entrepot.upkeep.moving.end import end_at

    keyring = chosen.keyring()
    try:
        return end_at(chosen.metadata(keyring), chosen.data, chosen.place, keyring)
    except StoreError as error:
        fail(str(error))
