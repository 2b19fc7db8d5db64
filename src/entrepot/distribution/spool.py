"""`Spool`: where an upload's bytes go: a few stay in memory, more go to a piece of the store.

The database knows of a piece before the store does, so that nothing lies there unknown. Next:
`distribution.uploads` says in the database how far the upload has come, once `settle` has made the
bytes durable.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from types import TracebackType
from typing import Self

from entrepot.blobstore.aside import aside
from entrepot.blobstore.store import Part, Store
from entrepot.db.pieces import SMALL, Piece
from entrepot.db.uploads import Upload
from entrepot.encryption.keys import Keyring
from entrepot.oci.digest import Digest, Hasher, hasher

HELD = 64 * 1024
"""Bytes that wait in memory for more. A body up to this may be written by the event loop's own
thread, which cannot wait for the database: so nothing goes to the store before there are more.
"""


class Spool:
    """Appends to an upload. Nobody else writes to its piece; who wins, the upload's row says.

    `announce` has the database know of a piece; it may be called in any thread. `coming` are the
    bytes of the request, where that is known.
    """

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        upload: Upload,
        known: Hasher | None,
        announce: Callable[[Piece], Future[None]],
        *,
        coming: int | None,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._upload = upload
        self._known = known
        self._announce = announce
        self._coming = None if coming is None else coming + len(upload.content or b"")
        self._held = bytearray(upload.content or b"")
        self._part: Part | None = None
        self.piece: Piece | None = None
        """The piece that was begun, with the bytes it had when it was settled."""

    @property
    def size(self) -> int:
        """Bytes that the upload has now."""
        return self._before + (self._part.size if self._part is not None else len(self._held))

    @property
    def _before(self) -> int:
        """Bytes in the pieces of earlier requests."""
        return 0 if self._upload.size <= SMALL else self._upload.size

    @property
    def hasher(self) -> Hasher | None:
        """The hash of all the bytes, where it is known and they are many."""
        return self._part.hasher if self._part is not None else self._known

    def write(self, piece: memoryview) -> None:
        """Append, in any thread, one at a time; with many bytes not in the event loop's."""
        if self._part is not None:
            self._part.write(piece)
        elif len(self._held) + len(piece) <= HELD:
            self._held += piece
        else:
            part = self._begin()
            if len(piece):
                part.write(piece)

    def _begin(self) -> Part:
        """A piece with what was held, in a thread that may wait."""
        self.piece = Piece.new(self._keyring)
        self._announce(self.piece).result()
        known = self._known if self._before else hasher(self._upload.algorithm)
        self._part = self._store.part(self.piece, known, self._coming)
        if self._held:
            with memoryview(self._held) as held:
                self._part.write(held)
        return self._part

    async def settle(self) -> Upload:
        """Make the bytes durable; the upload as it stands then."""
        if self._part is None and self._before and not self._held:
            return self._upload
        if self._part is None and self.size <= SMALL:
            return replace(self._upload, size=self.size, content=bytes(self._held))
        part = await aside(self._seal)
        assert self.piece is not None
        self.piece = replace(self.piece, size=part.size)
        digest = None
        if part.hasher is not None:
            digest = str(Digest(self._upload.algorithm, part.hasher.hexdigest()))
        return replace(self._upload, size=self.size, digest=digest, content=None)

    def _seal(self) -> Part:
        part = self._part or self._begin()
        part.seal()
        return part

    def drop(self) -> None:
        """Give back the room of what was appended."""
        if self._part is not None:
            self._part.drop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._part is not None and self._part.sealed:
            self._part.close()
        elif self._part is not None:  # a store may want to be told
            await aside(self._part.close)
