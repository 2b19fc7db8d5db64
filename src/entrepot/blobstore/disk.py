"""`DiskStore`: objects as files, in 256 folders. Next: `blobstore.part` writes one."""

import contextlib
import io
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from entrepot.blobstore.part import FilePart, Writers, sync_folder
from entrepot.blobstore.store import Piece, Signed, Source, parts_of
from entrepot.oci.digest import Hasher
from entrepot.oci.ranges import Span

ROOM = 64 * 1024 * 1024
"""Bytes that must be free for the store to call itself usable."""

_log = logging.getLogger("entrepot.store")

_CHUNK = 1024 * 1024
_FOLDERS = [f"{number:02x}" for number in range(256)]
_name = re.compile(r"[0-9a-f]{32}").fullmatch


def folder_of(data: Path) -> Path:
    """Where objects lie in a data folder."""
    return data / "blobs"


class DiskStore:
    """Objects in a folder of the local disk."""

    near = True

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

    def part(self, piece: Piece, hasher: Hasher | None, coming: int | None = None) -> FilePart:  # noqa: ARG002 - a file takes what comes
        """Begin an object. Raises FileExistsError for a name that is taken."""
        return FilePart(self.path(piece.name), hasher, self._writers)

    async def open(self, pieces: Sequence[Piece], span: Span) -> Source:
        """Files, for the server to send by itself. Opening them takes microseconds."""
        found = Source(len(span))
        try:
            for piece, inner in parts_of(pieces, span):
                found.files.append((self._open(piece.name), inner))
        except BaseException:
            found.close()
            raise
        return found

    def _open(self, name: str) -> io.FileIO:
        return io.FileIO(os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC))

    async def url(self, pieces: Sequence[Piece]) -> Signed | None:  # noqa: ARG002 - no file has one
        """None: nobody comes to a disk but by us."""
        return None

    async def holds(self, pieces: Sequence[Piece]) -> bool:
        """Whether all of them are there, and as long as they should be."""
        return all(self.size(piece) == piece.size for piece in pieces)

    def read(self, piece: Piece, span: Span) -> Iterator[memoryview]:
        """A span of a file's bytes."""
        buffer = memoryview(bytearray(min(_CHUNK, len(span))))
        with self._open(piece.name) as file:
            place = span.start
            while place < span.stop:
                count = os.preadv(file.fileno(), [buffer[: span.stop - place]], place)
                if not count:
                    raise EOFError(f"object {piece.name} ends at {place}, not at {span.stop}")
                yield buffer[:count]
                place += count

    def peek(self, name: str) -> io.FileIO | None:
        """The file, as far as it has grown; None where there is none."""
        try:
            return self._open(name)
        except FileNotFoundError:
            return None

    def size(self, piece: Piece) -> int | None:
        """Bytes of a file, None where there is none."""
        return self._size(self.path(piece.name))

    def _size(self, file: Path) -> int | None:
        try:
            return file.stat().st_size
        except FileNotFoundError:
            return None

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects; one that has gone already is no error."""
        for name in names:
            if not _name(name):  # no object can have it, so there is nothing to delete
                _log.error("the garbage list has a malformed name, %r: it is passed over", name)
                continue
            self.path(name).unlink(missing_ok=True)

    def objects(self) -> Iterator[tuple[str, int]]:
        """Names and sizes of all objects, folder by folder; some may come and go meanwhile."""
        for folder in _FOLDERS:
            with contextlib.suppress(FileNotFoundError):
                for file in (self.folder / folder).iterdir():
                    size = self._size(file) if _name(file.name) else None
                    if size is not None:
                        yield file.name, size

    def abandon(self, seconds: float, is_open: Callable[[str], bool]) -> int:  # noqa: ARG002
        """None: what was begun has a name, and so is deleted by it."""
        return 0

    async def trouble(self) -> str | None:
        """Why the store cannot be used now; None where it can."""
        if not os.access(self.folder, os.W_OK):
            return "the folder cannot be written"
        free = shutil.disk_usage(self.folder).free
        return None if free >= ROOM else f"{free} bytes free, {ROOM} are needed"
