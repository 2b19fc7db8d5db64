"""`EncryptedPart`: an object that is encrypted while it is written.

One segment always waits in memory: only who knows whether more follows knows whether it is the
last. What goes to the store goes in aligned strides, which a disk takes past the page cache.
"""

import mmap
from types import TracebackType
from typing import Self

from entrepot.blobstore.part import Writers
from entrepot.blobstore.store import Part
from entrepot.encryption.segments import CONTENT, SEGMENT, STRIDE, DataKey, Sealer
from entrepot.oci.digest import Hasher


class EncryptedPart:
    """Hashes what comes, and writes it encrypted to another part."""

    def __init__(self, part: Part, key: DataKey, hasher: Hasher | None, writers: Writers) -> None:
        self.size = 0
        self.sealed = False
        self.hasher = hasher
        self._part = part
        self._sealer = Sealer(key)
        self._writers = writers
        self._waiting = memoryview(bytearray(CONTENT))
        self._waits = 0
        self._stride = memoryview(mmap.mmap(-1, STRIDE))
        self._filled = 0
        writers.enter()

    def write(self, piece: memoryview) -> None:
        """Append."""
        hashed = self._writers.hash(self.hasher, piece)
        try:
            self._encrypt(piece)
        finally:
            if hashed is not None:
                hashed.result()  # the caller fills the buffer anew
        self.size += len(piece)

    def _encrypt(self, rest: memoryview) -> None:
        rest = self._wait(rest)
        if not rest:
            return
        self._seal(self._waiting)
        while len(rest) > CONTENT:
            self._seal(rest[:CONTENT])
            rest = rest[CONTENT:]
        self._waits = 0
        self._wait(rest)

    def _wait(self, piece: memoryview) -> memoryview:
        """Have it wait, as much as fits; the rest."""
        count = min(CONTENT - self._waits, len(piece))
        self._waiting[self._waits : self._waits + count] = piece[:count]
        self._waits += count
        return piece[count:]

    def _seal(self, content: memoryview, *, last: bool = False) -> None:
        self._filled += self._sealer.seal(content, self._stride[self._filled :], last=last)
        if self._filled > STRIDE - SEGMENT:
            self._flush()

    def _flush(self) -> None:
        self._part.write(self._stride[: self._filled])
        self._filled = 0

    def reader(self) -> None:
        """None: what lies there is not what was written."""

    def seal(self) -> None:
        """End the object, durably."""
        self._seal(self._waiting[: self._waits], last=True)
        if self._filled:
            self._flush()
        self._part.seal()
        self.sealed = True

    def drop(self) -> None:
        """Give back at once the room that was taken."""
        self._part.drop()

    def close(self) -> None:
        """Let the object go."""
        self._writers.leave()
        self._part.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
