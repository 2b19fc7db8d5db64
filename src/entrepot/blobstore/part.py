"""`FilePart`: the bytes of one file while they come in. Its methods block: call them in a thread.

On a file system's page cache a byte written costs as much as hashing it, so large aligned pieces
go to the disk directly (O_DIRECT) and only the odd rest goes through the cache. Where the file
system refuses that, everything goes through the cache.
"""

import errno
import fcntl
import io
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from entrepot.oci.digest import Hasher

BLOCK = 4096
"""Offsets, lengths and addresses of direct writes are multiples of this."""

_DIRECT_FROM = 64 * 1024
_HASH_ASIDE_FROM = 256 * 1024


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Writers:
    """How many parts are being written, and a thread that hashes for a lonely one.

    While one upload runs alone, a second core may hash what the first one writes. With more
    uploads than one every core has work already, and the hand-over only costs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active = 0
        self._hashing = ThreadPoolExecutor(1, "entrepot-hash")

    def enter(self) -> None:
        """A part begins."""
        with self._lock:
            self._active += 1

    def leave(self) -> None:
        """A part has ended."""
        with self._lock:
            self._active -= 1

    def hash(self, hasher: Hasher | None, piece: memoryview) -> "Future[None] | None":
        """Hash, if that is wanted; in the other thread, if that is free for it: then wait for it
        before the bytes change.
        """
        if hasher is None:
            return None
        if self._active == 1 and len(piece) >= _HASH_ASIDE_FROM:
            return self._hashing.submit(hasher.update, piece)
        hasher.update(piece)
        return None


class FilePart:
    """Writes one object, whose name nobody else has."""

    def __init__(self, path: Path, hasher: Hasher | None, writers: Writers) -> None:
        self.size = 0
        self.sealed = False
        self.hasher = hasher
        self._path = path
        self._writers = writers
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._flags = fcntl.fcntl(self._file, fcntl.F_GETFL)
        self._direct = False
        self._may_be_direct = hasattr(os, "O_DIRECT")
        writers.enter()

    def write(self, piece: memoryview) -> None:
        """Append. What is larger than a few blocks should be aligned to them in memory."""
        hashed = self._writers.hash(self.hasher, piece)
        try:
            rest = piece
            while rest:
                rest = rest[self._write_some(rest) :]
        finally:
            if hashed is not None:
                hashed.result()  # the caller fills the buffer anew

    def _write_some(self, rest: memoryview) -> int:
        whole = len(rest) - len(rest) % BLOCK
        direct = self._may_be_direct and whole >= _DIRECT_FROM and self.size % BLOCK == 0
        try:
            self._set_direct(direct)
            count = os.pwrite(self._file, rest[:whole] if direct else rest, self.size)
        except OSError as error:
            if not direct or error.errno != errno.EINVAL:
                raise
            self._may_be_direct = False
            return 0
        self.size += count
        return count

    def _set_direct(self, direct: bool) -> None:
        if direct is not self._direct:
            flags = self._flags | os.O_DIRECT if direct else self._flags
            fcntl.fcntl(self._file, fcntl.F_SETFL, flags)
            self._direct = direct

    def reader(self) -> io.FileIO:
        """The file, to be read while it grows."""
        return io.FileIO(os.open(self._path, os.O_RDONLY | os.O_CLOEXEC))

    def seal(self) -> None:
        """Make what was written, and the file's name, durable."""
        os.fdatasync(self._file)
        sync_folder(self._path.parent)
        self.sealed = True

    def drop(self) -> None:
        """Give back at once the room that was taken."""
        os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Let the object go."""
        self._writers.leave()
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
