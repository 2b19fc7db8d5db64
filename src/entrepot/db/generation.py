"""A counter that all processes over one folder share: it says that the log of changes grew.

It lies in a file mapped into memory, so looking costs 0.1 µs where a query costs microseconds.
It is bumped after a commit and before the answer: who was told of a change is never shown the
state before it. A bump lost to another process's is no harm, since both commits came before
either bump. Next: `db.changes` reads what grew.
"""

import mmap
import os
from pathlib import Path

FILE = "generation"


class Generation:
    """The counter in a folder."""

    def __init__(self, folder: Path) -> None:
        descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size < mmap.PAGESIZE:
                os.ftruncate(descriptor, mmap.PAGESIZE)
            self._map = mmap.mmap(descriptor, mmap.PAGESIZE)
        finally:
            os.close(descriptor)
        self._cells = memoryview(self._map).cast("Q")

    def read(self) -> int:
        """The count now."""
        return self._cells[0]

    def bump(self) -> None:
        """Say that there is something to read."""
        self._cells[0] = (self._cells[0] + 1) & 0xFFFF_FFFF_FFFF_FFFF

    def close(self) -> None:
        """Give the mapping back."""
        self._cells.release()
        self._map.close()
