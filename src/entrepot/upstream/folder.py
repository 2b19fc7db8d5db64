"""`FolderFiles`: an OCI layout in a folder."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

from entrepot.oci.layout import INDEX, MARK, SAYS
from entrepot.upstream import unfinished
from entrepot.upstream.place import CHUNK, UpstreamError

_HIDDEN = ".copy-"


class FolderFiles:
    """Files of a folder; who is killed leaves none that is half there under its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cleared: set[Path] = set()
        """Folders in which nothing is left of killed ones."""

    def size(self, name: str) -> int | None:
        """Bytes of a file; a link is none."""
        path = self._folder / name
        return path.stat().st_size if path.is_file() and not path.is_symlink() else None

    def read(self, name: str, start: int = 0) -> Iterator[bytes]:
        """Its bytes."""
        with open(self._opened(name), "rb") as file:  # noqa: PTH123 - a descriptor
            file.seek(start)
            while part := file.read(CHUNK):
                yield part

    def _opened(self, name: str) -> int:
        path = self._folder / name
        try:
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            why = f"{path} is a link, which may lead anywhere"
            raise UpstreamError(f"{why}: copy the folder by `cp -rL` first") from None

    def write(self, name: str, _: int, content: Iterator[bytes]) -> None:
        """Under a name of its own first."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._clear(path.parent)
        made = path.with_name(f"{_HIDDEN}{token_hex(8)}")
        try:
            with unfinished.begin(made) as file:
                file.writelines(content)
                file.flush()
                os.fsync(file.fileno())
                made.chmod(0o644)
                made.replace(path)
        except BaseException:
            made.unlink(missing_ok=True)
            raise

    def _clear(self, folder: Path) -> None:
        if folder not in self._cleared:
            self._cleared.add(folder)
            unfinished.clear(folder, f"{_HIDDEN}*")

    def finish(self, index: bytes) -> None:
        """The index, then the mark."""
        self.write(INDEX, len(index), iter((index,)))
        self.write(MARK, len(SAYS), iter((SAYS.encode(),)))
