"""`Begun`: uploads that were answered while the database does not know them yet.

An upload without bytes is nothing to lose, so where one process serves alone POST does not wait for
its row. Most uploads of small blobs end a moment later and need none; the others get one after
`PATIENCE`, or as soon as anybody asks for more than their name. Where several processes serve, the
next request may meet another one, and each upload has its row before it is told of.
"""

import asyncio
import logging
from functools import partial

from entrepot.db import uploads
from entrepot.db.database import Database
from entrepot.db.uploads import Upload
from entrepot.oci.names import Repository

PATIENCE = 0.05
"""Seconds that an upload may have no row."""

_log = logging.getLogger("entrepot.uploads")


class Begun:
    """The uploads of one process that have no row yet."""

    def __init__(self, database: Database, *, alone: bool) -> None:
        self._database = database
        self._alone = alone
        self._waiting: dict[str, tuple[Upload, asyncio.TimerHandle]] = {}
        self._coming: dict[str, asyncio.Future[None]] = {}

    async def begin(self, upload: Upload) -> None:
        """Take in a new upload."""
        if not self._alone:
            await self._database.note(partial(uploads.begin, upload=upload))
            return
        timer = asyncio.get_running_loop().call_later(PATIENCE, self._write, upload.id)
        self._waiting[upload.id] = upload, timer

    def withdraw(self, upload: Upload) -> bool:
        """End an upload that has no row; False where it has one, or will have."""
        waiting = self._waiting.pop(upload.id, None)
        if waiting is not None:
            waiting[1].cancel()
        return waiting is not None

    async def find(self, repository: Repository, upload: str, *, row: bool) -> Upload:
        """An upload of this repository, on request not before its row can be seen by all.

        Raises BLOB_UPLOAD_UNKNOWN.
        """
        waiting = self._waiting.get(upload)
        if waiting is not None and not row and waiting[0].repository == repository:
            return waiting[0]
        self._write(upload)
        if upload in self._coming:
            await self._coming[upload]
        find = partial(uploads.find, repository=repository, upload=upload)
        return await self._database.read(find)

    def _write(self, upload: str) -> None:
        """Have the row written, if the upload is still without."""
        waiting = self._waiting.pop(upload, None)
        if waiting is None:
            return
        waiting[1].cancel()
        row = self._database.note(partial(uploads.begin, upload=waiting[0]))
        self._coming[upload] = row
        row.add_done_callback(partial(self._written, upload))

    def _written(self, upload: str, row: "asyncio.Future[None]") -> None:
        del self._coming[upload]
        if row.cancelled() or row.exception() is not None:
            _log.error("the upload %s could not be begun", upload)
