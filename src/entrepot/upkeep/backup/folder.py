"""`FolderVault`: backups in a folder, of this machine or mounted from another."""

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from entrepot.blobstore.part import sync_folder
from entrepot.upkeep.backup.vault import Bytes, File

_CHUNK = 1024 * 1024
_PARTIAL = "partial"
_FORSAKEN = 24 * 3600.0
"""Seconds after which nobody is writing a file that was not finished."""


class FolderVault:
    """Files are written aside, and get their names when they are whole."""

    asked_from = 0

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: set[Path] = set()
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return str(self._folder.absolute())

    def is_bare(self) -> bool:
        """Whether the folder is empty, or not there."""
        return not self._folder.exists() or not any(self._folder.iterdir())

    def put(self, name: str, strides: Iterable[Bytes], size: int) -> None:
        """Write a file; its bytes are durable before it has its name."""
        target, aside = self._folder / name, self._folder / _PARTIAL / secrets.token_hex(8)
        self._make(target.parent)
        self._make(aside.parent)
        try:
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                file.writelines(strides)
                if file.tell() != size:
                    raise EOFError(f"{name} has {file.tell()} bytes, not {size}")
                file.flush()
                os.fsync(file.fileno())
            aside.replace(target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise

    def _make(self, folder: Path) -> None:
        """Make a folder that only we may read, and remember that something came into it."""
        with self._lock:
            if folder in self._written:
                return
            missing = [each for each in (folder, *folder.parents) if not each.exists()]
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for each in missing:
                each.chmod(0o700)
                self._written.add(each)
            self._written |= {folder, *(each.parent for each in missing)}

    def read(self, name: str) -> Iterator[memoryview]:
        """The bytes of a file."""
        buffer = bytearray(_CHUNK)
        with (self._folder / name).open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                yield memoryview(buffer)[:count]

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        try:
            return (self._folder / name).stat().st_size
        except FileNotFoundError:
            return None

    def files(self, folder: str) -> Iterator[File]:
        """All files below a folder."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder / folder) as found:
            for each in found:
                name = f"{folder}/{each.name}"
                if each.is_dir(follow_symlinks=False):
                    yield from self.files(name)
                    continue
                with contextlib.suppress(FileNotFoundError):
                    told = each.stat()
                    yield File(name, told.st_size, told.st_mtime)

    def delete(self, names: list[str]) -> None:
        """Take files away, and the folders that are empty then."""
        for name in names:
            file = self._folder / name
            file.unlink(missing_ok=True)
            for folder in file.parents:
                if self._folder in (folder, folder.parent):
                    break
                try:
                    folder.rmdir()
                except OSError:  # others are in it
                    break
                with self._lock:
                    self._written.discard(folder)

    def settle(self) -> None:
        """Make all names durable; take away what a killed process left unfinished long ago."""
        with self._lock:
            written = sorted(self._written)
        for folder in written:
            with contextlib.suppress(FileNotFoundError):
                sync_folder(folder)
        old = [each for each in self.files(_PARTIAL) if each.at < time.time() - _FORSAKEN]
        self.delete([each.name for each in old])
