"""`Tail`: a blob that is being fetched, to be read while it comes.

Its last byte is held back until all of it was compared with its digest: so nobody is ever handed
the whole of what is not the blob. Whoever reads slowly, or goes, holds up nobody.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from entrepot.blobstore.aside import aside
from entrepot.blobstore.decrypted import plain
from entrepot.blobstore.store import Source, StoreError
from entrepot.oci.ranges import Span
from entrepot.upstream.cache.veil import Lies

_STRIDE = 1024 * 1024


class Tail:
    """Made on the event loop; a thread says how far it has come."""

    def __init__(self, size: int, kept: Callable[[Span], Awaitable[Source]]) -> None:
        """`kept` opens it in the store, once it is there."""
        self.size = size
        self._kept = kept
        self.verified = False
        self.lies: Lies | None = None
        """Where what has come can be read."""
        self._loop = asyncio.get_running_loop()
        self._moved = asyncio.Event()
        self._told = False
        self._announced = False
        self.reached = 0
        """Bytes that are there."""
        self.error: Exception | None = None
        self.ended = False

    @property
    def started(self) -> bool:
        """Whether there is something to read, or will be."""
        return self.reached > 0 or self._announced

    def lie(self, lies: Lies) -> None:
        """Say where what comes can be read from now on."""
        before, self.lies = self.lies, lies
        if before is not None:
            before.close()  # who has it open reads on, and then goes on in the new one

    def announce(self) -> None:
        """Say, on the loop, that it comes, though nothing can be read before all is there."""
        if not self._announced:
            self._announced = True
            self._wake()

    def reach(self, place: int, *, verified: bool = False) -> None:
        """Say, in any thread, that the bytes before a place are there, and maybe that they are all
        and the right ones. Nobody is told twice before they had a look.
        """
        self.reached, self.verified = place, verified
        if not self._told or verified:
            self._told = True
            self._loop.call_soon_threadsafe(self._wake)

    def end(self, error: Exception | None = None) -> None:
        """Say, on the loop, that nothing more comes."""
        self.error, self.ended = error, True
        self._wake()
        if self.lies is not None:
            self.lies.close()

    def _wake(self) -> None:
        self._told = False
        self._moved.set()
        self._moved = asyncio.Event()

    async def start(self) -> None:
        """Wait until there is something to read, or nothing will come."""
        while not (self.started or self.ended):
            await self._moved.wait()

    async def finish(self) -> None:
        """Wait until nothing more comes."""
        while not self.ended:
            await self._moved.wait()

    def source(self, span: Span) -> Source:
        """A span of it, on its way out; once it has started, and until it has ended."""
        lies, found = self.lies, Source(len(span))
        if lies is not None:
            found.files.append((lies.open(), span))
        if lies is not None and lies.bare:
            found.growing = self._spans(span)
        else:
            found.stream = self._read(lies, found, span)
        return found

    async def _read(
        self, lies: Lies | None, found: Source, span: Span
    ) -> AsyncIterator[bytes | memoryview]:
        yield b""  # the head goes out, though there may be nothing yet
        async for each in self._spans(span):
            if self.lies is not lies or lies is None:
                if self.lies is None or self.ended:
                    async for some in self._stored(Span(each.start, span.stop)):
                        yield some
                    return
                lies = self.lies
                found.files.append((lies.open(), span))
            place, file = each.start, found.files[-1][0]
            while place < each.stop:
                piece = await aside(lies.read, file, each.stop - place, place)
                place += len(piece)
                yield piece

    async def _stored(self, span: Span) -> AsyncIterator[bytes | memoryview]:
        """The rest, from the store."""
        source = await self._kept(span)
        try:
            async for piece in source.stream or plain(source):
                yield piece
        finally:
            source.close()

    async def _spans(self, span: Span) -> AsyncIterator[Span]:
        """What of it can be read, one after the other, as it comes."""
        place = span.start
        while place < span.stop:
            stop = min(self._readable, span.stop, place + _STRIDE)
            if self.error is not None or (self.ended and stop <= place):
                raise StoreError(f"a blob does not come to its end: {self.error}")
            if stop > place:
                yield Span(place, stop)
                place = stop
            else:
                await self._moved.wait()

    @property
    def _readable(self) -> int:
        return self.reached if self.verified else min(self.reached, self.size - 1)
