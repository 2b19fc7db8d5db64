"""Streams of what lies encrypted: a stride is read and decrypted at once, in a thread.

A segment takes the processor 7 µs, a change of threads ten times as much, and so does the memory of
a stride if it is asked for anew: so it is used again, once nobody refers to it any more.
"""

import asyncio
import io
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

from entrepot.blobstore.store import Source
from entrepot.encryption.segments import STRIDE, Opener, Stretch

_own = threading.local()

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
    file: io.FileIO, opener: Opener, parts: Sequence[Stretch]
) -> AsyncIterator[Bytes]:
    """What lies in a file."""
    rooms = Rooms()
    for part in parts:
        room = rooms.take(part.stop - part.start)
        yield await _aside(partial(_read, file, opener, part, room))


def _read(file: io.FileIO, opener: Opener, part: Stretch, room: memoryview) -> memoryview:
    """In a thread, whose own memory has what is not decrypted yet."""
    if not hasattr(_own, "room"):
        _own.room = memoryview(bytearray(STRIDE))
    stored: memoryview = _own.room[: part.stop - part.start]
    count = os.preadv(file.fileno(), [stored], part.start)
    return opener.open(part, stored[:count], room)


async def from_stream(
    stream: AsyncIterator[Bytes], opener: Opener, parts: Sequence[Stretch]
) -> AsyncIterator[Bytes]:
    """What a store sends, which is cut anywhere, and gathered here to whole stretches."""
    longest = max(part.stop - part.start for part in parts)
    rooms, stored, rest = Rooms(), memoryview(bytearray(longest)), memoryview(b"")
    for part in parts:
        size, filled = part.stop - part.start, 0
        while filled < size:
            if not rest and not (rest := memoryview(await anext(stream, b""))):
                break  # it ended before: then nothing of the stretch opens
            count = min(len(rest), size - filled)
            stored[filled : filled + count] = rest[:count]
            rest, filled = rest[count:], filled + count
        yield await _aside(partial(opener.open, part, stored[:filled], rooms.take(size)))


async def _aside(work: Callable[[], T]) -> T:
    """In a thread, which is waited for whatever happens: the caller is going to close the file."""
    running = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
