"""`Begun`: uploads that were answered while their row is still on its way to the database.

An upload without bytes is nothing to lose, so POST need not wait for the writer, which may be
syncing other people's commits just then. What is written after it goes through the same writer,
and so comes behind it. Other processes see the row a moment later; `find` gives them that moment.
"""

import asyncio
import logging
from functools import partial

from entrepot.db import uploads
from entrepot.db.database import Database
from entrepot.db.uploads import Upload
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository

_PAUSES = (0.02, 0.1)
"""Seconds to wait before looking again for a row that another process may be writing."""

_log = logging.getLogger("entrepot.uploads")


class Begun:
    """The uploads of one process whose rows are not committed yet."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._coming: dict[str, tuple[Upload, asyncio.Future[None]]] = {}

    def begin(self, upload: Upload) -> None:
        """Have the row of a new upload written."""
        row = self._database.note(partial(uploads.begin, upload=upload))
        self._coming[upload.id] = upload, row
        row.add_done_callback(partial(self._arrived, upload.id))

    def _arrived(self, upload: str, row: "asyncio.Future[None]") -> None:
        del self._coming[upload]
        if row.cancelled() or row.exception() is not None:
            _log.error("the upload %s could not be begun", upload)

    async def find(self, repository: Repository, upload: str, *, row: bool) -> Upload:
        """An upload of this repository, on request not before its row can be seen by all.

        Raises BLOB_UPLOAD_UNKNOWN.
        """
        coming = self._coming.get(upload)
        if coming is not None and coming[0].repository == repository:
            if row:
                await coming[1]
            return coming[0]
        for pause in _PAUSES:
            try:
                return uploads.find(self._database.reader, repository, upload)
            except OCIError:
                await asyncio.sleep(pause)
        return uploads.find(self._database.reader, repository, upload)
