"""Where the bytes of a blob lie while it is fetched, so that others can read them meanwhile.

That is the store's own file, if it has one (`Bare`). Else it is a `Veil`: a file without a name,
encrypted by a key that lives as long as this process needs it. AES-256-CTR will do: it is used for
this file alone and written once, so no block of the key stream comes twice, and what is read is
compared with its digest before anybody gets all of it.
"""

import io
import os
import secrets
import tempfile
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # it is large, and loaded by the first fetch that has no file of the store's
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CTR

_BLOCK = 16


class Lies(Protocol):
    """Appended to by one thread, read by any."""

    @property
    def bare(self) -> bool:
        """Whether the file has the bytes as they are."""

    def write(self, piece: bytes) -> None:
        """Append. Raises OSError."""

    def open(self) -> io.FileIO:
        """A file for one reader, who closes it."""

    def read(self, file: io.FileIO, count: int, start: int) -> bytes:
        """Bytes that were written; it may wait for the disk. Raises OSError."""

    def lend(self) -> "Lies":
        """The same for somebody who writes nothing, and closes it at another time."""

    def close(self) -> None:
        """Let it go; who has it open reads on."""


class Bare:
    """A file that another one writes."""

    bare = True

    def __init__(self, file: io.FileIO) -> None:
        self._file = file

    def write(self, piece: bytes) -> None:
        """Nothing: it is there."""

    def open(self) -> io.FileIO:
        """A file for one reader."""
        return io.FileIO(os.dup(self._file.fileno()))

    def read(self, file: io.FileIO, count: int, start: int) -> bytes:
        """Bytes that were written."""
        return _read(file, count, start)

    def lend(self) -> "Bare":
        """The same for somebody else."""
        return Bare(self.open())

    def close(self) -> None:
        """Let it go."""
        self._file.close()


class Followed(Bare):
    """A file that another process writes; who reads it may have to go on in another one."""

    bare = False

    def size(self) -> int:
        """Bytes so far."""
        return os.fstat(self._file.fileno()).st_size


class Veil:
    """A file of our own, in a folder."""

    bare = False

    def __init__(self, folder: Path) -> None:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as made:
            self.file = io.FileIO(os.dup(made.fileno()), "r+")
        self._key = secrets.token_bytes(32)
        self._encrypt = self._cipher(0).encryptor()

    def _cipher(self, block: int) -> "Cipher[CTR]":
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES
        from cryptography.hazmat.primitives.ciphers.modes import CTR

        return Cipher(AES(self._key), CTR(block.to_bytes(_BLOCK, "big")))

    def write(self, piece: bytes) -> None:
        """Append."""
        rest = memoryview(self._encrypt.update(piece))
        while rest:
            rest = rest[os.write(self.file.fileno(), rest) :]

    def open(self) -> io.FileIO:
        """A file for one reader."""
        return io.FileIO(os.dup(self.file.fileno()))

    def read(self, file: io.FileIO, count: int, start: int) -> bytes:
        """Bytes that were written."""
        skip = start % _BLOCK
        found = _read(file, count + skip, start - skip)
        return self._cipher(start // _BLOCK).decryptor().update(found)[skip:]

    def lend(self) -> "Veil":
        """The same for somebody else."""
        lent = copy(self)
        lent.file = self.open()
        return lent

    def close(self) -> None:
        """Let it go."""
        self.file.close()


def _read(file: io.FileIO, count: int, start: int) -> bytes:
    found = os.pread(file.fileno(), count, start)
    if not found:
        raise OSError(f"a file ends before {start}")
    return found
