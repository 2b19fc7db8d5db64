"""`ObjectPart`: an object of an object store while it is written, in parts of a multipart upload.

Few bytes wait in memory until they make one part; an object that is not longer than that is put
at once. So memory is bounded by the size of parts and how many are on their way, whatever the size
of the object; and nothing is to be seen of it before the last byte is there.
"""

import contextlib
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import obstore

from entrepot.blobstore.clients import Client, told
from entrepot.blobstore.said import said
from entrepot.blobstore.store import StoreError
from entrepot.oci.digest import Hasher
from entrepot.oci.errors import Code, OCIError

MIB = 1024 * 1024
SMALLEST = 8 * MIB
"""Bytes of a part; S3 takes none under 5 MiB but the last."""

MOST_PARTS = 10_000
"""What S3 takes for one object."""

TOGETHER = 16
"""Parts on their way at once, of all objects."""

_EACH = 4


def part_size(coming: int | None) -> int:
    """Bytes of each part, for an object that may get so many; where it is unknown 78 GiB fit."""
    fitting = -(-(coming or 0) // (MOST_PARTS - 1))
    return max(SMALLEST, -(-fitting // MIB) * MIB)


class Shares:
    """How many parts each of the objects that are being written may have on their way, and how
    many bytes of all of them wait until they make a part.

    Whoever stalls has some waiting, and many do so at once where a network goes away: then no more
    are let in than memory was given for.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._active = 0
        self._waiting = 0

    def enter(self) -> int:
        """An object begins; its share. Raises TOOMANYREQUESTS."""
        with self._lock:
            if self._waiting > self._memory:
                raise _too_many()
            self._active += 1
            return max(1, min(_EACH, TOGETHER // self._active))

    def wait(self, change: int) -> None:
        """So many more bytes wait, or fewer."""
        with self._lock:
            self._waiting += change

    def leave(self) -> None:
        """An object has ended."""
        with self._lock:
            self._active -= 1


class ObjectPart:
    """Writes one object, whose name nobody else has."""

    def __init__(
        self, client: Client, key: str, hasher: Hasher | None, coming: int | None, shares: Shares
    ) -> None:
        self.size = 0
        self.sealed = False
        self.hasher = hasher
        self._key = key
        self._open = True
        self._part_size = part_size(coming)
        self._waiting = 0
        self._shares = shares
        self._writer = obstore.open_writer(
            client, key, buffer_size=self._part_size, max_concurrency=shares.enter()
        )

    def write(self, piece: memoryview) -> None:
        """Append. The bytes are copied: obstore holds on to what it gets until that is sent."""
        if self.size + len(piece) > self._part_size * MOST_PARTS:
            raise _too_long(self._part_size * MOST_PARTS)
        if self.hasher is not None:
            self.hasher.update(piece)
        try:
            with _told(self._key):
                self._writer.write(bytes(piece))
        except StoreError:
            self._open = False  # dropping it would wait for the same store once more
            raise
        self.size += len(piece)
        self._wait(self.size % self._part_size)

    def _wait(self, count: int) -> None:
        self._shares.wait(count - self._waiting)
        self._waiting = count

    def reader(self) -> None:
        """None: a store shows nothing of an object before its end."""

    def seal(self) -> None:
        """Have the store make one object of the parts."""
        self._open = False
        with _told(self._key):
            self._writer.close()
        self.sealed = True

    def drop(self) -> None:
        """Have the store forget the parts. What it does not do now, `unfinished` does later."""
        if self._open:
            self._open = False
            with contextlib.suppress(StoreError), _told(self._key):
                self._writer.__exit__(StoreError, None, None)

    def close(self) -> None:
        """Let go; what was not sealed is dropped."""
        self._shares.leave()
        self._wait(0)
        self.drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextlib.contextmanager
def _told(key: str) -> Iterator[None]:
    """A missing bucket is no missing object, and obstore tells some failures as plain OSErrors."""
    try:
        with told(f"writing {key}"):
            yield
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"writing {key} failed: {said(error)}") from None


def _too_many() -> OCIError:
    return OCIError(
        Code.TOOMANYREQUESTS,
        "this worker waits for as many bytes of uploads as it has memory for: try again shortly",
        headers=((b"retry-after", b"5"),),
    )


def _too_long(limit: int) -> OCIError:
    return OCIError(
        Code.SIZE_INVALID,
        f"the store takes {limit} bytes of unknown length at once: say Content-Length, or go on "
        "in another PATCH",
        status=413,
    )
