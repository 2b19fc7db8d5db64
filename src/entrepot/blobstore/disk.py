"""`DiskStore`: objects as files, in 256 folders. Next: `blobstore.part` writes one."""

import contextlib
import fcntl
import hashlib
import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from entrepot.blobstore.part import Part, Writers, sync_folder
from entrepot.oci.digest import Digest, Hasher

_CHUNK = 1024 * 1024
_FOLDERS = [f"{number:02x}" for number in range(256)]
_name = re.compile(r"[0-9a-f]{32}").fullmatch


def folder_of(data: Path) -> Path:
    """Where objects lie in a data folder."""
    return data / "blobs"


class DiskStore:
    """Objects in a folder of the local disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writers = Writers()

    def prepare(self) -> None:
        """Make the folders where they are missing, durably; whoever only reads needs none."""
        self.folder.mkdir(parents=True, exist_ok=True)
        missing = set(_FOLDERS).difference(entry.name for entry in self.folder.iterdir())
        for name in missing:
            (self.folder / name).mkdir(exist_ok=True)  # another process may be as far
        sync_folder(self.folder)  # also where a start that was killed had made them
        sync_folder(self.folder.parent)

    def path(self, name: str) -> Path:
        """The file of an object. The name is checked: it must never lead out of the folder."""
        if not _name(name):
            raise ValueError(f"not an object's name: {name!r}")
        return self.folder / name[:2] / name

    def part(
        self,
        name: str,
        size: int,
        hasher: Hasher | None,
        confirm: Callable[[], None] = lambda: None,
    ) -> Part:
        """Write at the end of the `size` bytes that are to be kept, hashing what is written.

        `confirm` is called once nobody else can write this object, before it is touched, and may
        raise. Raises BlockingIOError while someone else writes it.
        """
        return Part(self.path(name), size, hasher, self._writers, confirm)

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
        """Names and sizes of all objects, folder by folder; some may come and go meanwhile."""
        for folder in _FOLDERS:
            with contextlib.suppress(FileNotFoundError):
                for file in (self.folder / folder).iterdir():
                    size = self.size(file.name) if _name(file.name) else None
                    if size is not None:
                        yield file.name, size
