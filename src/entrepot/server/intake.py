"""A request's body to its sink, off the event loop, in large aligned pieces.

Hashing and writing a body on the loop would hold up every other request. So a pool thread reads
the socket itself, through a descriptor of its own, while the transport is paused. A peer that
stalls gets its descriptor watched by the loop instead, and the thread goes to somebody else.

Invariant: the sink is called by one thread at a time, and never after `run` has returned.
"""

import asyncio
import contextlib
import mmap
import os
import select
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from entrepot.server.asgi import Sink
from entrepot.server.inbox import Inbox
from entrepot.server.wire import Awaited, Wire

if TYPE_CHECKING:
    from entrepot.server.exchange import Exchange

T = TypeVar("T")

PAGE = 4096
PIECE = 1 << 20
"""The size of a full piece; 64 KiB pieces cost a fifth more CPU."""

INLINE = (1 << 16) - 1
"""Up to this, a whole body is written by the loop itself: that is cheaper than waking a thread. Its
memory is not page-aligned, so this stays below what blobstore/part.py writes directly."""

BRIEFLY = 0.1
"""Seconds to wait for a peer before it counts as stalled."""

TURN = 64 << 20
"""Bytes after which a thread lets another upload have its turn."""

CHUNKED_READ = 1 << 19
THREADS = min(16, 4 + 2 * (os.cpu_count() or 1))
"""Each may keep 1.25 MiB of buffers for good."""

_local = threading.local()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "entrepot-intake")


def _thread_buffer(name: str, size: int) -> memoryview:
    """Return this thread's own buffer: from mmap, because O_DIRECT wants aligned addresses."""
    view: memoryview | None = getattr(_local, name, None)
    if view is None:
        view = memoryview(mmap.mmap(-1, size))
        setattr(_local, name, view)
    return view


class _Pages:
    """Gathers bytes in this thread's buffer; hands them on by the MiB, or by whole pages."""

    def __init__(self, write: Sink, rest: bytes):
        self._write = write
        self._view = _thread_buffer("pages", PIECE)
        self._filled = 0
        self.add(rest)

    def add(self, data: bytes) -> None:
        """Copy bytes in."""
        source = memoryview(data)
        while source:
            space = self.space
            size = min(len(space), len(source))
            space[:size] = source[:size]
            source = source[size:]
            self.grew(size)

    @property
    def space(self) -> memoryview:
        """Where the next bytes go."""
        return self._view[self._filled :]

    def grew(self, size: int) -> None:
        """Note that bytes were put into `space`."""
        self._filled += size
        if self._filled == PIECE:
            self._hand_on(PIECE)

    def settle(self) -> bytes:
        """Hand on whole pages; return the rest, less than one."""
        whole = self._filled - self._filled % PAGE
        rest = bytes(self._view[whole : self._filled])
        self._hand_on(whole)
        return rest

    def finish(self) -> None:
        """Hand on all there is."""
        self._hand_on(self._filled)

    def _hand_on(self, size: int) -> None:
        self._filled = 0
        if size:
            self._write(self._view[:size])


class Intake:
    """Moves one body into one sink."""

    def __init__(self, exchange: "Exchange", wire: Wire, inbox: Inbox, write: Sink):
        self._exchange = exchange
        self._wire = wire
        self._inbox = inbox
        self._body = exchange.body
        self._write = write
        self._rest = b""
        self._moved = 0
        self._stop = False
        self._fd = -1

    async def run(self) -> int:
        """Move it all; return how much that was."""
        body = self._body
        to_come = body.to_come
        if self._wire.tls or to_come is None or body.size + to_come <= INLINE:
            await self._gather(INLINE + 1)
        if body.ended and body.size <= INLINE:
            self._store_inline()
        elif self._wire.tls or body.ended:
            await self._from_transport()
        else:
            await self._from_socket()
        if body.cut:
            raise ConnectionResetError("the request's body was cut")
        return self._moved

    def _sink(self, view: memoryview) -> None:
        self._write(view)
        self._moved += len(view)

    def _store_inline(self) -> None:
        data = b"".join(self._body.take())
        if data:
            self._sink(memoryview(data))

    async def _gather(self, enough: int) -> None:
        """Wait for so many bytes, or the end; once there are any, wait only briefly for more."""
        body = self._body
        while not (body.size or body.ended):
            await self._exchange.more()
        if body.size >= enough or body.ended:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BRIEFLY):
                while body.size < enough and not body.ended:
                    await self._exchange.more()

    # Through the transport: TLS, whose bytes only the transport can read

    async def _from_transport(self) -> None:
        body = self._body
        body.high_water = PIECE  # the loop gathers a piece while a thread writes the last one
        while True:
            pieces = body.take(PIECE - len(self._rest))
            last = body.ended and not body.size
            await self._in_thread(lambda p=pieces, end=last: self._store(p, end))  # type: ignore[misc]
            if last:
                return
            await self._gather(PIECE - len(self._rest))

    def _store(self, pieces: list[bytes], last: bool) -> None:
        pages = _Pages(self._sink, self._rest)
        for piece in pieces:
            pages.add(piece)
        if last:
            pages.finish()
        else:
            self._rest = pages.settle()

    # From the socket

    async def _from_socket(self) -> None:
        body = self._body
        self._wire.pause_reading()
        body.bypassed = True
        self._fd = self._wire.duplicate()
        try:
            while await self._in_thread(self._turn):
                await self._readable()
        finally:
            os.close(self._fd)
            if body.complete and body.length is not None:  # even if the sink failed at the end
                self._inbox.skip_body()

    async def _readable(self) -> None:
        """Let the loop watch a stalled peer."""
        if self._body.ended:
            return
        wire = self._wire
        wire.expect(Awaited.BODY, wire.limits.body_timeout)
        wire.loop.add_reader(self._fd, self._body.wake)
        try:
            await self._body.change()
        finally:
            wire.loop.remove_reader(self._fd)
            wire.expect(Awaited.NOTHING)

    def _turn(self) -> bool:
        """Move bytes until the body ends or the peer stalls; return whether there is more to do."""
        body = self._body
        pages = _Pages(self._sink, self._rest)
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        taken = 0
        while True:
            for piece in body.take():
                pages.add(piece)
            if body.ended:
                pages.finish()
                return False
            size = self._pull(pages)
            taken += size
            stalled = not (size or self._stop or poll.poll(BRIEFLY * 1000))
            if stalled or self._stop or taken >= TURN:
                for piece in body.take():
                    pages.add(piece)
                self._rest = pages.settle()
                return True

    def _pull(self, pages: _Pages) -> int:
        """Take what the socket has; 0 if that is nothing at the moment."""
        body = self._body
        if body.length is None:
            raw = _thread_buffer("raw", CHUNKED_READ)
            size = self._receive(raw)
            if size:
                self._inbox.feed(raw[:size])
            return size
        size = self._receive(pages.space[: body.length - body.arrived])
        body.arrived += size
        if body.arrived == body.length:
            body.finish()
        pages.grew(size)
        return size

    def _receive(self, buffer: memoryview) -> int:
        try:
            size = os.readv(self._fd, [buffer])
        except BlockingIOError:
            return 0
        except OSError:
            size = 0
        if not size:
            self._body.break_off()
        return size

    # Threads

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Run work in a pool thread; when cancelled, wait for it all the same.

        The caller is going to close what the sink writes to: the thread must be out of it by then.
        """
        self._body.in_thread = self._fd >= 0
        future = self._wire.loop.run_in_executor(_pool(), work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self._stop = True
            while not future.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            future.cancelled() or future.exception()
            raise
        finally:
            self._body.in_thread = False
            self._body.wake()
