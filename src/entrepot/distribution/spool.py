"""`Spool`: where an upload's bytes go: a few stay in memory, more go to an object of the store.

Its `write` may run in any thread, one at a time. Next: `distribution.uploads` says in the database
how far the upload has come, once `settle` has made the bytes durable.
"""

import asyncio
from dataclasses import replace

from entrepot.blobstore.disk import DiskStore
from entrepot.blobstore.part import Part
from entrepot.db import uploads
from entrepot.db.blobs import SMALL
from entrepot.db.uploads import Upload
from entrepot.oci.digest import Digest, Hasher, hasher


class Spool:
    """Appends to an upload."""

    def __init__(self, store: DiskStore, upload: Upload, known: Hasher | None) -> None:
        self._store = store
        self._upload = upload
        self._known = known
        self._few = bytearray(upload.content or b"")
        self._part: Part | None = None
        self._spilled = upload.size > SMALL

    @property
    def size(self) -> int:
        """Bytes that the upload has now."""
        if self._part is not None:
            return self._part.size
        return self._upload.size if self._spilled else len(self._few)

    @property
    def hasher(self) -> Hasher | None:
        """The hash of all the bytes, where it is known and they are many."""
        return self._part.hasher if self._part is not None else None

    def write(self, piece: memoryview) -> None:
        """Append. Raises where another request writes the same upload."""
        if not self._spilled and len(self._few) + len(piece) <= SMALL:
            self._few += piece
            return
        if self._part is None:
            self._part = self._open()
        self._part.write(piece)

    def _open(self) -> Part:
        try:
            if self._spilled:
                return self._store.part(self._upload.id, self._upload.size, self._known)
            part = self._store.part(self._upload.id, 0, hasher(self._upload.algorithm))
        except BlockingIOError:
            raise uploads.conflict(self._upload) from None
        self._spilled = True
        if self._few:
            with memoryview(self._few) as few:
                part.write(few)
        return part

    async def settle(self) -> Upload:
        """Make the bytes durable; the upload as it stands then."""
        if self._part is None:
            if self._spilled:
                return self._upload
            return replace(self._upload, size=len(self._few), content=bytes(self._few))
        await asyncio.to_thread(self._part.seal)
        known = self._part.hasher
        digest = str(Digest(self._upload.algorithm, known.hexdigest())) if known else None
        return replace(self._upload, size=self._part.size, digest=digest, content=None)

    def close(self) -> None:
        """Let the object go."""
        if self._part is not None:
            self._part.close()
