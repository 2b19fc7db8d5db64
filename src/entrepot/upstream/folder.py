"""`FolderFiles`: an OCI layout in a folder."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from entrepot.oci.layout import INDEX, MARK, SAYS
from entrepot.upstream.place import CHUNK, UpstreamError


class FolderFiles:
    """Files of a folder; who is killed leaves none that is half there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

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
        descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=".copy-")
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                file.writelines(content)
                file.flush()
                os.fsync(file.fileno())
            Path(made).chmod(0o644)
            Path(made).replace(path)
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise

    def finish(self, index: bytes) -> None:
        """The index, then the mark."""
        self.write(INDEX, len(index), iter((index,)))
        self.write(MARK, len(SAYS), iter((SAYS.encode(),)))
