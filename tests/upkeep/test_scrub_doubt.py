"""What seems to be missing is in doubt until something else was found; a pass that is cut then
does not forget it.
"""

from collections.abc import Iterator

import pytest
from tests.db.pushed import APP, settled
from tests.upkeep.conftest import Folder, keep

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.blobstore.store import Piece, StoreError
from entrepot.db import blobs, quarantine
from entrepot.db.blobs import Blob
from entrepot.db.jobs import Progress
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.observe.metrics import Metrics
from entrepot.oci.ranges import Span
from entrepot.upkeep.job import Run
from entrepot.upkeep.scrub import JOB, Scrub

OTHER = b"other" * 20_000


class Failing(DiskStore):
    """A store that is away when it is read for the first time of something that it has."""

    away = True

    def read(self, piece: Piece, span: Span) -> Iterator[memoryview]:
        if self.away and self.path(piece.name).exists():
            self.away = False
            raise StoreError("the store is away")
        return super().read(piece, span)


async def test_a_pass_that_is_cut_forgets_no_doubt(folder: Folder) -> None:
    name, found = keep(folder.store, OTHER)
    settled(folder.db, name, name, len(OTHER))
    blobs.add(folder.db, APP, found, Blob(len(OTHER), None, name), renew=False)
    folder.file.unlink()
    database, store = SQLiteDatabase(folder.data), Failing(folder_of(folder.data))
    first = Run(database, JOB, "holder", Progress())
    with pytest.raises(StoreError):
        await Scrub(database, store, Metrics()).run(first)
    second = Run(database, JOB, "holder", first.now)
    await Scrub(database, store, Metrics()).run(second)
    assert [each.digest for each in quarantine.listed(folder.db, None, 10)] == [str(folder.layer)]
    assert second.cursor
    await database.close()
