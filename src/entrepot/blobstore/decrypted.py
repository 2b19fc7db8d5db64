"""Streams of what lies encrypted, decrypted on the event loop in steps of 60 µs.

That costs half of what it does in threads: a change of threads takes as long as decrypting a step,
and a large step falls out of the processor's cache. What is not in the page cache is read by a
thread, so the disk holds up nobody. The memory of a step is used again once nobody refers to it any
more: to ask for it anew costs as much as to fill it.
"""

import io
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

from entrepot.blobstore.store import Source
from entrepot.encryption.segments import STRIDE, Opener, Stretch

STEP = 256 * 1024
"""Bytes that are read and decrypted at once."""

T = TypeVar("T")
Bytes: TypeAlias = bytes | memoryview


class Rooms:
    """Memory for strides, handed out again when whoever had it has let go of it."""

    def __init__(self) -> None:
        self._made: list[bytearray] = []

    def take(self, size: int) -> memoryview:
        """So many bytes that nobody refers to: no stride that waits for a slow client is lost."""
        for room in self._made:
            if len(room) >= size and _is_free(room):
                return memoryview(room)[:size]
        self._made.append(bytearray(size))
        return memoryview(self._made[-1])


def _is_free(room: bytearray) -> bool:
    """A bytearray does not grow while there is a view of it."""
    try:
        room.append(0)
    except BufferError:
        return False
    room.pop()
    return True


async def joined(streams: Sequence[AsyncIterator[Bytes]]) -> AsyncIterator[Bytes]:
    """One after the other."""
    for stream in streams:
        async for found in stream:
            yield found


async def plain(source: Source) -> AsyncIterator[Bytes]:
    """The files of a piece that came before there was a key."""
    for file, span in source.files:
        for start in range(span.start, span.stop, STRIDE):
            size = min(STRIDE, span.stop - start)
            found = await _aside(partial(os.pread, file.fileno(), size, start))
            if len(found) != size:
                raise EOFError(f"object {file.name} ends before {start + size}")
            yield found


async def from_file(
    file: io.FileIO, opener: Opener, parts: Iterable[Stretch]
) -> AsyncIterator[Bytes]:
    """What lies in a file, of which each part is a step at most."""
    rooms, stored = Rooms(), memoryview(bytearray(STEP))
    for part in parts:
        there = stored[: part.stop - part.start]
        count = _read_cached(file, there, part.start)
        if count < len(there):
            count = await _aside(partial(os.preadv, file.fileno(), [there], part.start))
        yield opener.open(part, there[:count], rooms.take(len(there)))


def _read_cached(file: io.FileIO, into: memoryview, offset: int) -> int:
    """How much of it could be read without waiting for the disk."""
    try:
        return os.preadv(file.fileno(), [into], offset, os.RWF_NOWAIT)
    except OSError:  # BlockingIOError, or EOPNOTSUPP; a real error shows itself in the thread
        return 0


async def from_stream(
    stream: AsyncIterator[Bytes], opener: Opener, parts: Iterable[Stretch]
) -> AsyncIterator[Bytes]:
    """What a store sends, which is cut anywhere, and gathered here to whole steps."""
    rooms, stored, rest = Rooms(), memoryview(bytearray(STEP)), memoryview(b"")
    for part in parts:
        size, filled = part.stop - part.start, 0
        while filled < size:
            if not rest and not (rest := memoryview(await anext(stream, b""))):
                break  # it ended before: then nothing of the part opens
            count = min(len(rest), size - filled)
            stored[filled : filled + count] = rest[:count]
            rest, filled = rest[count:], filled + count
        yield opener.open(part, stored[:filled], rooms.take(size))


async def _aside(work: Callable[[], T]) -> T:
    """In a thread, which is waited for whatever happens: the caller is going to close the file."""
    import asyncio  # which commands that read files in their own thread do without

    running = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
