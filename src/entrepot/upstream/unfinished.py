"""Files under a hidden name while they are written; what killed processes left of such goes.

A lock says that somebody writes one, and ends with the process, however that ends. Since not every
file system knows of locks on other machines, what was written to lately is left alone, too.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_QUIET = 900.0
"""Seconds; nobody who writes waits so long for a registry."""


def begin(path: Path) -> BinaryIO:
    """Make a file, and lock it; it gets its name before it is closed. Raises OSError."""
    file = path.open("xb")
    with suppress(OSError):  # where there are no locks, nobody can have one
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def clear(folder: Path, pattern: str) -> None:
    """Remove those of a folder that nobody writes any more."""
    for path in folder.glob(pattern):
        with suppress(OSError):  # somebody writes it, or it is not ours
            _remove(path)


def _remove(path: Path) -> None:
    """Raises BlockingIOError where it is locked, OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if time.time() - os.fstat(descriptor).st_mtime > _QUIET:
            path.unlink()
    finally:
        os.close(descriptor)
