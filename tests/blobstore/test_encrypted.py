"""What lies encrypted in a store, beside what each store promises: nothing shows, nothing that was
changed comes out, and spans read no more than they need.
"""

import asyncio
import contextlib
import io
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.blobstore.test_contract import read, write

from entrepot.blobstore import store as stores
from entrepot.blobstore.disk import DiskStore
from entrepot.blobstore.encrypted import EncryptedStore
from entrepot.blobstore.store import Source
from entrepot.db.pieces import Piece
from entrepot.encryption.envelope import BrokenSealError
from entrepot.encryption.keys import NO_KEYS, Keyring, MasterKey, MissingKeyError
from entrepot.encryption.segments import CONTENT, SEGMENT, DataKey, stored_size
from entrepot.oci.ranges import Span

OLD, NEW = MasterKey.new(), MasterKey.new()
PLANTED = b"Planted-and-not-to-be-found"
CONTENTS = PLANTED * 100_000
SIZE = len(CONTENTS)


class Streaming(DiskStore):
    """Sends what it has as streams, cut anywhere, as a store over the network does."""

    async def open(self, pieces: Sequence[stores.Piece], span: Span) -> Source:
        found = await super().open(pieces, span)
        ((file, inner),) = found.files
        return Source(found.size, found.files, self._cut(file, inner))

    async def _cut(self, file: io.FileIO, span: Span) -> AsyncIterator[bytes]:
        chance, place = random.Random(1), span.start
        while place < span.stop:
            size = min(chance.choice([1, 100, SEGMENT - 1, SEGMENT, 3_000_000]), span.stop - place)
            yield os.pread(file.fileno(), size, place)
            place += size


@pytest.fixture(params=[DiskStore, Streaming], ids=["files", "streams"])
def behind(request: pytest.FixtureRequest, tmp_path: Path) -> DiskStore:
    made: DiskStore = request.param(tmp_path / "blobs")
    made.prepare()
    return made


@pytest.fixture
def store(behind: DiskStore) -> EncryptedStore:
    return EncryptedStore(behind, Keyring((OLD,)))


@pytest.fixture
def piece(store: EncryptedStore) -> Piece:
    return write(store, CONTENTS)


def test_nothing_of_it_shows(behind: DiskStore, piece: Piece) -> None:
    lies = behind.path(piece.name).read_bytes()
    assert len(lies) == stored_size(SIZE)
    assert PLANTED not in lies
    assert PLANTED[:8] not in lies


@pytest.mark.parametrize("start", [0, 1, CONTENT - 1, CONTENT, 16 * CONTENT, SIZE - 1])
@pytest.mark.parametrize("size", [1, 2, 100, CONTENT, CONTENT + 1, 17 * CONTENT])
def test_spans(store: EncryptedStore, piece: Piece, start: int, size: int) -> None:
    span = Span(start, min(start + size, SIZE))
    assert read(store, piece, span=span) == CONTENTS[span.start : span.stop]


def test_pieces_of_many_kinds(behind: DiskStore, store: EncryptedStore, piece: Piece) -> None:
    """Of two keys, and one from before there was any: an upload that lasted for long."""
    plain = write(behind, b"plain" * 500_000)
    newer = EncryptedStore(behind, Keyring((NEW, OLD)))
    other = write(newer, b"newer" * 1000)
    assert (piece.key, plain.key, other.key) == (OLD.id, None, NEW.id)
    pieces = [piece, plain, other, piece]
    whole = CONTENTS + b"plain" * 500_000 + b"newer" * 1000 + CONTENTS
    assert read(newer, *pieces) == whole
    middle = Span(SIZE - 5, SIZE + 2_505_003)
    assert read(newer, *pieces, span=middle) == whole[middle.start : middle.stop]


def test_what_is_plain_is_sent_as_the_store_sends_it(
    behind: DiskStore, store: EncryptedStore
) -> None:
    """By the kernel, where there are files."""
    plain = write(behind, CONTENTS)

    async def opened() -> Source:
        return await store.open([plain], Span(0, SIZE))

    source = asyncio.run(opened())
    assert (source.stream is None) == (type(behind) is DiskStore)
    source.close()


def flip(content: bytearray) -> None:
    content[SEGMENT + 5] ^= 1


def cut(content: bytearray) -> None:
    del content[SEGMENT:]


def swap(content: bytearray) -> None:
    first, second = content[:SEGMENT], content[SEGMENT : 2 * SEGMENT]
    content[: 2 * SEGMENT] = second + first


def shift(content: bytearray) -> None:
    del content[:1]


def zeroes(content: bytearray) -> None:
    content[:] = bytes(len(content))


CHANGES: list[Callable[[bytearray], None]] = [flip, cut, swap, shift, zeroes]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_was_changed_does_not_come_out(
    behind: DiskStore, store: EncryptedStore, piece: Piece, change: Callable[[bytearray], None]
) -> None:
    file = behind.path(piece.name)
    content = bytearray(file.read_bytes())
    change(content)
    file.write_bytes(content)
    errors = (BrokenSealError, EOFError)
    with pytest.raises(errors):
        read(store, piece)
    with pytest.raises(errors):
        list(store.read(piece, Span(0, SIZE)))


def test_another_objects_bytes(behind: DiskStore, store: EncryptedStore, piece: Piece) -> None:
    other = write(store, CONTENTS)
    os.replace(behind.path(other.name), behind.path(piece.name))  # noqa: PTH105
    with pytest.raises(BrokenSealError):
        read(store, piece)


def test_another_objects_key(store: EncryptedStore, piece: Piece) -> None:
    other = write(store, CONTENTS)
    with pytest.raises(BrokenSealError):
        read(store, replace(piece, data_key=other.data_key))


def test_another_name(behind: DiskStore, store: EncryptedStore, piece: Piece) -> None:
    name = Piece.new().name
    os.link(behind.path(piece.name), behind.path(name))
    with pytest.raises(BrokenSealError):
        read(store, replace(piece, name=name))


def test_two_objects_of_the_same_bytes_have_nothing_in_common(
    behind: DiskStore, store: EncryptedStore, piece: Piece
) -> None:
    other = write(store, CONTENTS)
    one, two = (behind.path(each.name).read_bytes() for each in (piece, other))
    assert not {one[i : i + 16] for i in range(0, SIZE, 16)} & {
        two[i : i + 16] for i in range(0, SIZE, 16)
    }


@pytest.mark.parametrize("ring", [NO_KEYS, Keyring((NEW,))], ids=["no key", "another key"])
def test_without_its_key(behind: DiskStore, piece: Piece, ring: Keyring) -> None:
    store = EncryptedStore(behind, ring)
    with pytest.raises(MissingKeyError, match=OLD.id):
        read(store, piece)
    with pytest.raises(MissingKeyError, match=OLD.id):
        store.part(piece, None)
    assert not asyncio.run(store.holds([piece]))  # so whoever pushes it again heals it


def test_with_another_key_of_that_id(behind: DiskStore, piece: Piece) -> None:
    store = EncryptedStore(behind, Keyring((MasterKey(OLD.id, NEW.secret),)))
    with pytest.raises(BrokenSealError, match=OLD.id):
        read(store, piece)


def test_a_changed_wrap_opens_the_same_object(behind: DiskStore, piece: Piece) -> None:
    """So a new master key touches no object."""
    assert piece.data_key is not None
    data_key = DataKey.unwrap(OLD, piece.name, piece.data_key)
    wrapped = replace(piece, key=NEW.id, data_key=data_key.wrap(NEW))
    assert read(EncryptedStore(behind, Keyring((NEW,))), wrapped) == CONTENTS


def test_a_span_reads_only_its_segments(
    behind: DiskStore, store: EncryptedStore, piece: Piece
) -> None:
    """What lies before and behind them may be broken."""
    file = behind.path(piece.name)
    content = bytearray(file.read_bytes())
    content[:SEGMENT] = bytes(SEGMENT)
    content[2 * SEGMENT :] = bytes(len(content) - 2 * SEGMENT)
    file.write_bytes(content)
    span = Span(CONTENT, 2 * CONTENT)
    assert read(store, piece, span=span) == CONTENTS[span.start : span.stop]


async def test_files_are_closed_when_reading_is_given_up(
    behind: DiskStore, store: EncryptedStore
) -> None:
    piece = await asyncio.to_thread(write, store, CONTENTS)
    assert not is_open(behind.path(piece.name))
    source = await store.open([piece], Span(0, SIZE))
    assert source.stream is not None
    await anext(source.stream)
    assert is_open(behind.path(piece.name))
    source.close()
    assert not is_open(behind.path(piece.name))


def is_open(file: Path) -> bool:
    """Whether this process has it open."""
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # another thread's, which is closed meanwhile
            if each.readlink() == file:
                return True
    return False
