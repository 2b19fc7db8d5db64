"""Images are looked at in a store with a key, and where their bytes are lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.content import dump, put_image
from tests.served import Served, serving

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.blobstore.encrypted import EncryptedStore
from entrepot.db import engine
from entrepot.db.connection import Connection
from entrepot.encryption.keys import Keyring, MasterKey
from entrepot.oci.names import Repository
from entrepot.versions.diff.document import UnreadableError
from entrepot.versions.diff.inspection import Inspection

KEY = MasterKey.new()
APP = Repository("team/app")
LARGE = dump({"config": {"User": "app", "Labels": {"more": "x" * 100_000}}})


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "data", "own", encryption_key=KEY.line) as served:
        put_image(served.client, APP.name, "1", config=LARGE)
        yield served


@pytest.fixture
def db(served: Served) -> Iterator[Connection]:
    connection = engine.connect_to_read(served.folder, Keyring((KEY,)))
    yield connection
    connection.close()


def look(served: Served, db: Connection, *keys: MasterKey) -> str:
    """The image's user, as its configuration says."""
    store = EncryptedStore(DiskStore(folder_of(served.folder)), Keyring(keys))
    inspection = Inspection(db, store, APP)
    manifest = inspection.manifest(inspection.digest("1"))
    return inspection.image(manifest).configuration["User"]


def test_a_configuration_in_an_encrypted_store(served: Served, db: Connection) -> None:
    assert look(served, db, KEY) == "app"
    with pytest.raises(UnreadableError, match=r"the configuration sha256:.* cannot be read now"):
        look(served, db, MasterKey.new())


def test_a_configuration_whose_bytes_are_lost(served: Served, db: Connection) -> None:
    for path in (served.folder / "blobs").glob("*/*"):
        path.unlink()
    with pytest.raises(UnreadableError, match=r"the configuration sha256:.* cannot be read now"):
        look(served, db, KEY)
