"""`Spool`: where an upload's bytes go: a few stay in memory, more go to an object of the store.

Its `write` may run in any thread, one at a time. Next: `distribution.uploads` says in the database
how far the upload has come, once `settle` has made the bytes durable.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from entrepot.blobstore.disk import DiskStore
from entrepot.blobstore.part import Part
from entrepot.db import uploads
from entrepot.db.blobs import SMALL
from entrepot.db.uploads import Upload
from entrepot.oci.digest import Digest, Hasher, hasher


class Spool:
    """Appends to an upload. From its first touch of an object until its end nobody else does.

    `confirm` raises where the upload has moved since `upload` was read; it is asked once the
    object is locked, before anything in it is changed, maybe in another thread.
    """

    def __init__(
        self,
        store: DiskStore,
        upload: Upload,
        known: Hasher | None,
        confirm: Callable[[], None],
    ) -> None:
        self._store = store
        self._upload = upload
        self._known = known
        self._confirm = confirm
        self._few = bytearray(upload.content or b"")
        self._part: Part | None = None

    @property
    def size(self) -> int:
        """Bytes that the upload has now."""
        return self._part.size if self._part is not None else len(self._few)

    @property
    def hasher(self) -> Hasher | None:
        """The hash of all the bytes, where it is known and they are many."""
        return self._part.hasher if self._part is not None else None

    def write(self, piece: memoryview) -> None:
        """Append. Raises where another request writes the same upload."""
        if self._part is not None:
            self._part.write(piece)
        elif len(self._few) + len(piece) <= SMALL:
            self._few += piece
        else:
            part = self._open(0, hasher(self._upload.algorithm))
            with memoryview(self._few) as few:
                part.write(few)
            part.write(piece)

    def _open(self, size: int, known: Hasher | None) -> Part:
        try:
            self._part = self._store.part(self._upload.id, size, known, self._confirm)
        except BlockingIOError:
            raise uploads.conflict(self._upload) from None
        return self._part

    async def settle(self) -> Upload:
        """Make the bytes durable; the upload as it stands then."""
        if self._part is None:
            return replace(self._upload, size=len(self._few), content=bytes(self._few))
        if not self._part.sealed:
            await asyncio.to_thread(self._part.seal)
        if self._part.size == self._upload.size:
            return self._upload
        known = self._part.hasher
        digest = str(Digest(self._upload.algorithm, known.hexdigest())) if known else None
        return replace(self._upload, size=self._part.size, digest=digest, content=None)

    def drop(self) -> None:
        """Give back the room of what was appended."""
        if self._part is not None:
            self._part.drop()

    async def __aenter__(self) -> Self:
        if self._upload.size > SMALL:  # also cuts off what the upload does not count
            await asyncio.to_thread(self._open, self._upload.size, self._known)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._part is not None:
            self._part.close()
