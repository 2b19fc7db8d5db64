"""A registry's folder with something of everything in it, made without a server."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.content import image
from tests.db.pushed import APP, blob, manifest, settled

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.db import blobs, engine
from entrepot.db.blobs import Blob
from entrepot.db.engine import SQLite
from entrepot.db.pieces import Piece
from entrepot.oci.digest import Digest, hasher

LAYER = b"layer" * 20_000


@dataclass
class Folder:
    data: Path
    db: SQLite
    store: DiskStore
    layer: Digest
    object: str
    """Where the layer lies."""
    image: Digest

    @property
    def file(self) -> Path:
        return self.store.path(self.object)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """One image, tagged `1`: its configuration lies in the database, its layer in the store."""
    data = tmp_path / "data"
    engine.prepare(data)
    store = DiskStore(folder_of(data))
    store.prepare()
    db = engine.connect(data)
    name, layer = keep(store, LAYER)
    settled(db, name, name, len(LAYER))
    blobs.add(db, APP, layer, Blob(len(LAYER), None, name), renew=False)
    blob(db, b"{}")
    pushed = manifest(db, image(LAYER), "1")
    yield Folder(data, db, store, layer, name, pushed)
    db.close()


def keep(store: DiskStore, content: bytes) -> tuple[str, Digest]:
    """A new object, and the digest of what is in it."""
    piece, found = Piece.new(), hasher("sha256")
    with store.part(piece, found) as part:
        part.write(memoryview(content))
        part.seal()
    return piece.name, Digest("sha256", found.hexdigest())
