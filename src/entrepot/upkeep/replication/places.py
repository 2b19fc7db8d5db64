"""`Places`: of the images that a rule copies at once, only some may be large.

So one place is left for the small ones, which would else wait for hours behind a few that are huge.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from entrepot.upstream.place import UpstreamError

LARGE = 256 * 1024 * 1024
"""Bytes of blobs from which on it is so."""
MOST = 3


class FullError(UpstreamError):
    """As many large ones are copied as may be."""


class Places:
    """Those of one rule; any thread may ask."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.left = MOST
        """For large ones."""

    @contextmanager
    def held(self, size: int) -> Iterator[bool]:
        """One for an image of which so much is to be copied; whether it is small. Raises
        `FullError` where there is none.
        """
        if size < LARGE:
            yield True
            return
        self._take()
        try:
            yield False
        finally:
            with self._lock:
                self.left += 1

    def _take(self) -> None:
        with self._lock:
            if not self.left:
                raise FullError(f"{MOST} large images are copied already")
            self.left -= 1
