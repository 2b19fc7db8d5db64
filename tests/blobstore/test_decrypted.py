"""Memory of strides is used again, and never under the hands of whoever still has it."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.blobstore.test_contract import write

from entrepot.blobstore.decrypted import STEP, Rooms, from_stream
from entrepot.blobstore.disk import DiskStore
from entrepot.blobstore.encrypted import EncryptedStore
from entrepot.encryption.envelope import BrokenSealError
from entrepot.encryption.keys import Keyring, MasterKey
from entrepot.encryption.segments import (
    CONTENT,
    SEGMENT,
    DataKey,
    Opener,
    Sealer,
    stored_size,
    stretches,
)
from entrepot.oci.ranges import Span


def test_a_room_is_used_again_once_nobody_has_it() -> None:
    rooms = Rooms()
    one = rooms.take(100)
    one[:3] = b"one"
    slice_of_one = one[:3]
    two = rooms.take(100)
    two[:3] = b"two"
    del one
    three = rooms.take(100)
    three[:5] = b"three"
    assert bytes(slice_of_one) == b"one"
    assert bytes(two[:3]) == b"two"
    address = id(three.obj)
    del three
    assert id(rooms.take(50).obj) == address


def test_a_room_is_long_enough() -> None:
    rooms = Rooms()
    assert len(rooms.take(10)) == 10
    assert len(rooms.take(100)) == 100
    assert len(rooms.take(10)) == 10


async def test_strides_that_are_all_kept_are_all_right(tmp_path: Path) -> None:
    """Of a server that sends nothing before it has everything, say."""
    store = EncryptedStore(DiskStore(tmp_path), Keyring((MasterKey.new(),)))
    store.prepare()
    content = random.Random(1).randbytes(5 * STEP + 17)
    piece = await asyncio.to_thread(write, store, content)
    source = await store.open([piece], Span(0, len(content)))
    assert source.stream is not None
    strides = [stride async for stride in source.stream]
    source.close()
    assert b"".join(strides) == content
    assert len(strides) == 6


KEY = DataKey.new("a" * 32)


def sealed(content: bytes) -> bytes:
    sealer, stored = Sealer(KEY), memoryview(bytearray(stored_size(len(content))))
    for start in range(0, len(content), CONTENT):
        segment = memoryview(content)[start : start + CONTENT]
        place = start // CONTENT * SEGMENT
        sealer.seal(segment, stored[place:], last=start + CONTENT >= len(content))
    return bytes(stored)


async def cut(stored: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(stored), size):
        yield stored[start : start + size]


@pytest.mark.parametrize("size", [1000, SEGMENT - 1, SEGMENT, STEP, STEP + 1, 10 * STEP])
async def test_a_stream_may_be_cut_anywhere(size: int) -> None:
    content = random.Random(2).randbytes(9 * STEP + 1000)
    parts = stretches(5, len(content) - 5, len(content), STEP)
    stream = cut(sealed(content), size)
    opener = Opener(KEY, len(content))
    found = [bytes(part) async for part in from_stream(stream, opener, parts)]
    assert b"".join(found) == content[5:-5]


async def test_a_stream_that_ends_too_early() -> None:
    content = random.Random(3).randbytes(2 * STEP)
    parts = stretches(0, len(content), len(content), STEP)
    stream = from_stream(cut(sealed(content)[:-1], 1000), Opener(KEY, len(content)), parts)
    assert await anext(stream) == content[: STEP // SEGMENT * CONTENT]
    assert await anext(stream)
    with pytest.raises(BrokenSealError, match="is cut"):
        await anext(stream)
