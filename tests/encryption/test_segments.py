"""Objects in segments: every range opens by itself, and nothing opens that was not written so."""

import random
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.encryption.envelope import BrokenSealError
from entrepot.encryption.keys import MasterKey
from entrepot.encryption.segments import (
    CONTENT,
    SEGMENT,
    STRIDE,
    TAG,
    DataKey,
    Opener,
    Sealer,
    Stretch,
    stored_size,
    stretches,
)

KEY = DataKey.new("a" * 32)
MASTER = MasterKey.new()

SIZES = [
    0, 1, 100, CONTENT - 1, CONTENT, CONTENT + 1, 2 * CONTENT - 1, 2 * CONTENT, 2 * CONTENT + 1,
    SEGMENT, 3 * CONTENT + 17, STRIDE, STRIDE // SEGMENT * CONTENT + 1,
]  # fmt: skip


def plain(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def sealed(content: bytes, key: DataKey = KEY) -> bytes:
    sealer, stored = Sealer(key), bytearray(stored_size(len(content)))
    place = 0
    with memoryview(content) as whole, memoryview(stored) as into:
        for start in range(0, max(1, len(content)), CONTENT):
            last = start + CONTENT >= len(content)
            segment = whole[start : start + CONTENT]
            place += sealer.seal(segment, into[place:], last=last)
    assert place == len(stored)
    return bytes(stored)


def opened(
    stored: bytes, size: int, key: DataKey = KEY, start: int = 0, stop: int | None = None
) -> bytes:
    """The bytes from `start` to `stop`, read from what is stored as a store would."""
    opener, found = Opener(key, size), bytearray()
    for part in stretches(start, size if stop is None else stop, size):
        there = memoryview(stored)[part.start : part.stop]
        found += opener.open(part, there, memoryview(bytearray(STRIDE)))
    return bytes(found)


@pytest.mark.parametrize("size", SIZES)
def test_round_trip(size: int) -> None:
    stored = sealed(plain(size))
    assert opened(stored, size) == plain(size)
    assert size < 16 or plain(size)[:16] not in stored


@pytest.mark.parametrize("size", SIZES[:-2])
def test_cut_at_every_boundary(size: int) -> None:
    """Be it believed to be as large as it was, or as large as what is left."""
    stored = sealed(plain(size))
    boundaries = range(0, len(stored), SEGMENT)
    edges = {0, 1, TAG, len(stored) - TAG, len(stored) - 1}
    edges |= {edge + near for edge in boundaries for near in (-1, 0, 1, TAG)}
    for edge in edges & set(range(len(stored))):
        for believed in {size, size - 1, edge - TAG * -(-edge // SEGMENT)} & set(range(size + 1)):
            if stored_size(believed) >= edge:
                with pytest.raises(BrokenSealError):
                    opened(stored[:edge], believed)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("more", [1, TAG, TAG + 1, SEGMENT])
def test_appended(size: int, more: int) -> None:
    """Where the database says that there is more than there was, the rest is not taken for it."""
    stored = sealed(plain(size))
    for junk in (bytes(more), (stored + bytes(more))[:more]):
        longer = stored + junk
        believed = len(longer) - TAG * -(-len(longer) // SEGMENT)
        if stored_size(believed) == len(longer):
            with pytest.raises(BrokenSealError):
                opened(longer, believed)


@pytest.mark.parametrize("size", SIZES)
def test_changed(size: int) -> None:
    """A byte of content, of a tag, the first and the last, of each segment."""
    stored = sealed(plain(size))
    for start in range(0, len(stored), SEGMENT):
        stop = min(start + SEGMENT, len(stored))
        for position in {start, (start + stop) // 2, stop - TAG, stop - 1}:
            changed = bytearray(stored)
            changed[position] ^= 0x80
            with pytest.raises(BrokenSealError, match=f"segment {start // SEGMENT} of object a"):
                opened(bytes(changed), size)


def test_in_another_order() -> None:
    size = 3 * CONTENT
    stored = sealed(plain(size))
    one, two, three = (stored[i * SEGMENT : (i + 1) * SEGMENT] for i in range(3))
    for wrong in (two + one + three, one + three + two, one + one + three, two + two + three):
        with pytest.raises(BrokenSealError):
            opened(wrong, size)
    assert opened(stored, size) == plain(size)


def test_the_last_of_a_shorter_one_is_not_the_last_of_a_longer() -> None:
    """The same content and number, under the same key: only its being the last differs."""
    content = plain(2 * CONTENT)
    short, long = sealed(content[:CONTENT]), sealed(content)
    assert short != long[:SEGMENT]
    with pytest.raises(BrokenSealError):
        opened(short + long[SEGMENT:], len(content))
    with pytest.raises(BrokenSealError):
        opened(long[:SEGMENT], CONTENT)


def test_segments_of_another_object() -> None:
    size = 2 * CONTENT
    other = sealed(plain(size), DataKey.new("b" * 32))
    stored = sealed(plain(size))
    with pytest.raises(BrokenSealError):
        opened(stored[:SEGMENT] + other[SEGMENT:], size)


def test_another_name() -> None:
    with pytest.raises(BrokenSealError, match="object b"):
        opened(sealed(plain(5)), 5, DataKey("b" * 32, KEY.secret))


def test_another_key() -> None:
    with pytest.raises(BrokenSealError):
        opened(sealed(plain(5)), 5, DataKey.new(KEY.name))


@given(st.data())
def test_spans(data: st.DataObject) -> None:
    """Only the segments of a span are read, and they have it."""
    size = data.draw(st.sampled_from([size for size in SIZES if size]))
    near = st.sampled_from([0, CONTENT, 2 * CONTENT, size - 1]).flatmap(
        lambda edge: st.integers(edge - 2, edge + 2)
    )
    start = min(max(0, data.draw(near | st.integers(0, size - 1))), size - 1)
    stop = min(max(start + 1, data.draw(near | st.integers(start + 1, size))), size)
    assert opened(stored_of(size), size, start=start, stop=stop) == plain(size)[start:stop]
    parts = list(stretches(start, stop, size))
    assert all(part.start % SEGMENT == 0 for part in parts)
    read = sum(part.stop - part.start for part in parts)
    assert read <= (-(-(stop - start) // CONTENT) + 1) * SEGMENT


stored_of = cache(lambda size: sealed(plain(size)))


@given(st.integers(1, 10 * STRIDE), st.data())
def test_stretches_follow_each_other(size: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    parts = list(stretches(start, stop, size))
    assert sum(part.count for part in parts) == stop - start
    assert parts[0].first * CONTENT + parts[0].skip == start
    for one, two in pairwise(parts):
        assert one.stop - one.start == STRIDE
        assert (two.start, two.skip) == (one.stop, 0)
    assert parts[-1].stop <= stored_size(size)


def test_the_span_of_nothing() -> None:
    assert list(stretches(0, 0, 0)) == [Stretch(0, 0, TAG, 0, 0)]


def test_no_segment_is_sealed_twice() -> None:
    sealer, into = Sealer(KEY), memoryview(bytearray(SEGMENT))
    with pytest.raises(ValueError, match="whole"):
        sealer.seal(memoryview(b"short"), into)
    sealer.seal(memoryview(bytes(CONTENT)), into)
    sealer.seal(memoryview(b"short"), into, last=True)
    with pytest.raises(ValueError, match="one after the other"):
        sealer.seal(memoryview(b"more"), into, last=True)


def test_data_keys_in_envelopes() -> None:
    wrapped = KEY.wrap(MASTER)
    assert DataKey.unwrap(MASTER, KEY.name, wrapped) == KEY
    assert KEY.secret not in wrapped
    with pytest.raises(BrokenSealError):
        DataKey.unwrap(MASTER, "b" * 32, wrapped)
    with pytest.raises(BrokenSealError):
        DataKey.unwrap(MasterKey.new(), KEY.name, wrapped)
    assert repr(KEY.secret) not in repr(KEY)
