"""`DiskStore`: objects as files, in 256 folders. Next: `blobstore.part` writes one."""

import fcntl
import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from entrepot.blobstore.part import Part, Writers
from entrepot.oci.digest import Digest, Hasher

_CHUNK = 1024 * 1024
_name = re.compile(r"[0-9a-f]{32}").fullmatch


class DiskStore:
    """Objects in a folder of the local disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writers = Writers()
        for number in range(256):
            (folder / f"{number:02x}").mkdir(parents=True, exist_ok=True)

    @staticmethod
    def new_name() -> str:
        """A name that no object has had."""
        return secrets.token_hex(16)

    def path(self, name: str) -> Path:
        """The file of an object. The name is checked: it must never lead out of the folder."""
        if not _name(name):
            raise ValueError(f"not an object's name: {name!r}")
        return self.folder / name[:2] / name

    def part(self, name: str, size: int, hasher: Hasher | None) -> Part:
        """Write at the end of the `size` bytes that are to be kept, hashing what is written.

        Raises BlockingIOError while someone else writes this object.
        """
        return Part(self.path(name), size, hasher, self._writers)

    def is_being_written(self, name: str) -> bool:
        """Whether a `Part` of this object is open somewhere."""
        try:
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def open(self, name: str) -> io.FileIO:
        """The object's bytes. Raises FileNotFoundError."""
        return io.FileIO(os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC))

    def size(self, name: str) -> int | None:
        """Bytes of an object, None where there is none."""
        try:
            return self.path(name).stat().st_size
        except FileNotFoundError:
            return None

    def digest(self, name: str, algorithm: str) -> Digest:
        """The digest of what really lies there; reads it all, so call it in a thread."""
        found = hashlib.new(algorithm)
        buffer = memoryview(bytearray(_CHUNK))
        with self.open(name) as file:
            while count := file.readinto(buffer):
                found.update(buffer[:count])
        return Digest(algorithm, found.hexdigest())

    def delete(self, name: str) -> None:
        """Remove an object; one that has gone already is no error."""
        self.path(name).unlink(missing_ok=True)

    def objects(self) -> Iterator[tuple[str, int]]:
        """Names and sizes of all objects, folder by folder."""
        for folder in sorted(self.folder.iterdir()):
            with os.scandir(folder) as entries:
                for entry in entries:
                    yield entry.name, entry.stat().st_size
