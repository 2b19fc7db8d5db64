"""Keeps what is about to be sent in the page cache, so that sending never waits for the disk.

A sendfile of bytes that are not in the page cache blocks its thread, here the event loop with all
its connections. So before each window one byte is asked for with RWF_NOWAIT: that costs less than
a microsecond when the window is cached; when it is not, a thread fetches it, and the next one while
this one is sent.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

WINDOW = 8 << 20
"""How much is fetched at a time; two of them keep a fast disk and a fast peer busy."""

STEP = 1 << 17
"""Linux reads for one WILLNEED no more than its read-ahead (128 KiB by default) or one request."""

THREADS = 8

_scratch = bytearray(1 << 20)
"""Where fetched bytes land; all threads write here, and nobody ever reads it."""


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "entrepot-fetch")


def is_cached(fd: int, offset: int) -> bool:
    """Tell whether a byte is in the page cache; yes if the file system cannot tell."""
    try:
        os.preadv(fd, [bytearray(1)], offset, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    except OSError:  # EOPNOTSUPP; a real error shows itself when the byte is sent
        return True
    return True


def _fetch(fd: int, start: int, stop: int) -> None:
    """Bring a window into the page cache; ask for all of it first, then wait for it."""
    try:
        for offset in range(start, stop, STEP):
            os.posix_fadvise(fd, offset, min(STEP, stop - offset), os.POSIX_FADV_WILLNEED)
        while start < stop:
            size = min(len(_scratch), stop - start)
            size = os.preadv(fd, [memoryview(_scratch)[:size]], start)
            if not size:
                return
            start += size
    finally:
        os.close(fd)


class Lookahead:
    """Which part of a file can be sent without waiting for the disk."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        fd: int,
        start: int,
        end: int,
        ready: Callable[[], None],
    ):
        self._loop = loop
        self._fd = fd
        self._end = end
        self._ready = ready
        self._fetching = False
        self._cold = False
        self.cached_to = start
        """Everything from the sender's offset up to here is believed to be cached."""

    def look(self, offset: int) -> bool:
        """Tell whether the byte at `offset` can be sent now; if not, `ready` is called later."""
        if self._cold or offset >= self.cached_to:
            self._advance(offset)
        return offset < self.cached_to

    def _advance(self, offset: int) -> None:
        near = self.cached_to - offset <= WINDOW  # a slow peer must not fill memory with its file
        if self._fetching or not near or self.cached_to >= self._end:
            return
        stop = min(self.cached_to + WINDOW, self._end)
        if is_cached(self._fd, stop - 1):
            self.cached_to = stop
            return
        self._cold = self._fetching = True
        own = os.dup(self._fd)  # the caller may close its own while a thread is still reading
        future = self._loop.run_in_executor(_pool(), _fetch, own, self.cached_to, stop)
        future.add_done_callback(lambda done: self._fetched(done, stop))

    def _fetched(self, future: "asyncio.Future[None]", stop: int) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            future.result()  # an error of the disk shows itself again when the bytes are sent
        self._fetching = False
        self.cached_to = stop
        self._ready()
