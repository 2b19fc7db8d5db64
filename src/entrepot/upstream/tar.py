"""`TarFiles`: an OCI layout in one file, which is read where it lies, and written once.

Nothing is unpacked to a path that the file names; links to elsewhere and devices are no files.
"""

import os
import tarfile
from collections.abc import Iterator
from glob import escape
from pathlib import Path
from secrets import token_hex
from threading import Lock

from entrepot.oci.layout import INDEX, MARK, SAYS
from entrepot.upstream import unfinished
from entrepot.upstream.place import CHUNK, UpstreamError

_MOST = 1_000_000
"""Members; each costs memory."""
_RANDOM = 8
"""Hexadecimal digits of a name that nobody else has."""


class TarFiles:
    """The files of a tar, by where they begin and how long they are."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        try:
            with tarfile.open(path, "r:") as tar:
                for member in tar:
                    name = member.name.removeprefix("./")
                    if member.isreg():
                        self._members[name] = member.offset_data, member.size
                    elif member.islnk() and (same := member.linkname.removeprefix("./")) in self:
                        self._members[name] = self._members[same]
                    elif member.issym():
                        self._links[name] = member.linkname
                    if len(self._members) + len(self._links) > _MOST:
                        raise UpstreamError(f"{path} has more than {_MOST} files")
        except tarfile.TarError as error:
            raise UpstreamError(
                f"{path} is no tar, or is compressed (unpack it first: gunzip, zstd -d): {error}"
            ) from None

    def __contains__(self, name: str) -> bool:
        """Whether a file is there."""
        return name in self._members

    def link(self, name: str) -> str:
        """Where a link leads; "" for what is none."""
        return self._links.get(name, "")

    def size(self, name: str) -> int | None:
        """Bytes of a file."""
        found = self._members.get(name)
        return found[1] if found else None

    def read(self, name: str, start: int = 0) -> Iterator[bytes]:
        """Its bytes."""
        if name not in self._members:
            raise FileNotFoundError(name)
        place, size = self._members[name]
        yield from _span(self._path, place + start, size - start)

    def write(self, _: str, __: int, ___: Iterator[bytes]) -> None:
        """It cannot: what is added would be lost to who reads it now."""
        raise UpstreamError(f"{self._path} is there already, and an archive is written only once")

    def finish(self, index: bytes) -> None:
        """Nothing was written."""


class NewTarFiles:
    """A tar that is being written, under another name until it is whole."""

    def __init__(self, path: Path, *, replace: bool = False) -> None:
        if path.exists() and not replace:
            raise UpstreamError(f"{path} is there already: remove it, or say --replace")
        if not path.parent.is_dir():
            raise UpstreamError(f"there is no folder {path.parent} for {path.name}")
        unfinished.clear(path.parent, f".{escape(path.name)}.{'[0-9a-f]' * _RANDOM}")
        self._path = path
        self._made = path.with_name(f".{path.name}.{token_hex(_RANDOM // 2)}")
        self._file = unfinished.begin(self._made)
        self._lock = Lock()
        self._places: dict[str, tuple[int, int]] = {}

    def size(self, name: str) -> int | None:
        """Bytes of what was written."""
        found = self._places.get(name)
        return found[1] if found else None

    def read(self, name: str, start: int = 0) -> Iterator[bytes]:
        """What was written."""
        if name not in self._places:
            raise FileNotFoundError(name)
        place, size = self._places[name]
        yield from _span(self._made, place + start, size - start)

    def write(self, name: str, size: int, content: Iterator[bytes]) -> None:
        """One after the other; what breaks off is written over by the next. What is small is had
        before its turn, so that nobody's turn takes a request for it.
        """
        if size <= CHUNK and name not in self._places:
            content = iter((b"".join(content),))
        with self._lock:
            if name in self._places:
                return
            start = self._file.tell()
            try:
                self._places[name] = self._add(name, size, content), size
            except BaseException:
                self._file.seek(start)
                self._file.truncate()
                raise

    def _add(self, name: str, size: int, content: Iterator[bytes]) -> int:
        """Where its bytes begin."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o644
        self._file.write(member.tobuf(tarfile.PAX_FORMAT))
        place = self._file.tell()
        for part in content:
            self._file.write(part)
        self._file.write(bytes(-size % tarfile.BLOCKSIZE))
        self._file.flush()
        return place

    def finish(self, index: bytes) -> None:
        """The index and the mark; then it has its name."""
        self.write(MARK, len(SAYS), iter((SAYS.encode(),)))
        self.write(INDEX, len(index), iter((index,)))
        self.end()

    def end(self) -> None:
        """Close it, and give it its name."""
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._made.replace(self._path)
        self._file.close()

    def abandon(self) -> None:
        """Leave nothing, where it was not finished."""
        self._file.close()
        self._made.unlink(missing_ok=True)


def _span(path: Path, start: int, size: int) -> Iterator[bytes]:
    """Bytes of a file."""
    with path.open("rb") as file:
        file.seek(start)
        while size > 0 and (part := file.read(min(size, CHUNK))):
            size -= len(part)
            yield part
