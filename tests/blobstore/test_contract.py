"""What every store promises: bytes come back as they went in, names are checked, nobody is in the
way of anybody else.
"""

import asyncio
import mmap
import os
import random
import secrets
import threading
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.blobstore.conftest import begin

from entrepot.blobstore.store import Store, StoreError, digest_of
from entrepot.db.pieces import Piece
from entrepot.encryption.keys import EncryptionError
from entrepot.encryption.segments import stored_size
from entrepot.oci.digest import HEX_LENGTH, Digest, Hasher, hasher
from entrepot.oci.ranges import Span

KIB, MIB = 1024, 1024 * 1024
EDGES = [4 * KIB, 64 * KIB, 256 * KIB, MIB]

near_an_edge = st.builds(
    lambda edge, off: edge + off, st.sampled_from(EDGES), st.sampled_from([-4096, -1, 0, 1, 4096])
)
sizes = st.one_of(st.integers(1, 5000), near_an_edge)


def data(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def aligned(content: bytes) -> memoryview:
    """In memory whose address is a page's, as direct writes want it."""
    pages = mmap.mmap(-1, max(1, len(content)))
    pages.write(content)
    return memoryview(pages)[: len(content)]


def write(store: Store, *contents: bytes, into: Hasher | None = None) -> Piece:
    """A new object."""
    piece = begin(store)
    with store.part(piece, into) as part:
        for content in contents:
            part.write(memoryview(content))
        part.seal()
    return replace(piece, size=sum(map(len, contents)))


def read(store: Store, *pieces: Piece, span: Span | None = None) -> bytes:
    """The bytes of some pieces, or a span of them."""
    return asyncio.run(_read(store, *pieces, span=span))


async def _read(store: Store, *pieces: Piece, span: Span | None) -> bytes:
    wanted = span or Span(0, sum(piece.size for piece in pieces))
    source = await store.open(pieces, wanted)
    assert source.size == len(wanted)
    try:
        if source.stream is not None:
            return b"".join([bytes(part) async for part in source.stream])
        return b"".join(os.pread(f.fileno(), len(s), s.start) for f, s in source.files)
    finally:
        source.close()


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(contents=st.lists(st.tuples(sizes, st.booleans()), min_size=1, max_size=5))
def test_contents_of_any_size_come_back_whole_and_rightly_hashed(
    store: Store, contents: list[tuple[int, bool]]
) -> None:
    piece, found, whole = begin(store), hasher("sha256"), b""
    with store.part(piece, found) as part:
        for size, is_aligned in contents:
            content = data(size, len(whole))
            part.write(aligned(content) if is_aligned else memoryview(content))
            whole += content
        part.seal()
        assert part.size == len(whole)
    piece = replace(piece, size=len(whole))
    assert read(store, piece) == whole
    assert store.size(piece) == len(whole)
    assert digest_of(store, [piece], "sha256") == Digest.of(whole)
    assert Digest("sha256", found.hexdigest()) == Digest.of(whole)
    store.delete([piece.name])


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 12), (0, 1), (3, 6), (4, 5), (5, 9), (11, 12), (2, 11)],
)
def test_a_span_may_reach_over_pieces(store: Store, start: int, stop: int) -> None:
    pieces = [write(store, text) for text in (b"abcd", b"e", b"fghi", b"jkl")]
    assert read(store, *pieces, span=Span(start, stop)) == b"abcdefghijkl"[start:stop]


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, 3 * MIB),
        (0, 1),
        (70_000, 70_001),
        (MIB - 1, 2 * MIB + 1),
        (3 * MIB - 1, 3 * MIB),
    ],
)
def test_a_span_is_read_in_strides(store: Store, start: int, stop: int) -> None:
    content = data(3 * MIB)
    piece = write(store, content)
    strides = [bytes(part) for part in store.read(piece, Span(start, stop))]
    assert b"".join(strides) == content[start:stop]
    assert max(map(len, strides)) <= MIB
    assert read(store, piece, span=Span(start, stop)) == content[start:stop]


def test_reading_beyond_the_end_is_an_error(store: Store) -> None:
    piece = replace(write(store, data(100)), size=200)
    with pytest.raises((EOFError, EncryptionError)):
        list(store.read(piece, Span(0, 200)))


@pytest.mark.parametrize("algorithm", HEX_LENGTH)
def test_the_digest_is_of_what_really_lies_there(store: Store, algorithm: str) -> None:
    content, more = data(3 * MIB + 17), data(70_000, 1)
    pieces = [write(store, content), write(store, more)]
    assert digest_of(store, pieces, algorithm) == Digest.of(content + more, algorithm)


def test_a_part_that_is_dropped_gives_its_room_back(store: Store) -> None:
    piece = begin(store)
    with store.part(piece, None) as part:
        part.write(memoryview(data(MIB)))
        part.drop()
    assert not store.size(piece)


def test_many_write_at_once(store: Store) -> None:
    contents = [data(MIB + number * 1001, number) for number in range(8)]
    hashes = [hasher("sha256") for _ in contents]
    found: dict[int, Piece] = {}

    def work(number: int) -> None:
        parts = [contents[number][i : i + 300_000] for i in range(0, MIB + 9000, 300_000)]
        found[number] = write(store, *parts, into=hashes[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [read(store, found[number]) for number in range(8)] == contents
    assert [each.hexdigest() for each in hashes] == [Digest.of(c).hex for c in contents]


def test_deleting_again_is_no_error(store: Store) -> None:
    piece, other = write(store, b"x"), write(store, b"y")
    for _ in range(2):
        store.delete([piece.name])
    assert store.size(piece) is None
    with pytest.raises(FileNotFoundError):
        read(store, piece)
    with pytest.raises((FileNotFoundError, StoreError)):  # maybe the first one is under way
        read(store, other, piece)
    assert read(store, other) == b"y"


async def test_it_says_whether_it_holds_something(store: Store) -> None:
    piece = await asyncio.to_thread(write, store, b"x")
    assert await store.holds([piece])
    assert not await store.holds([piece, Piece.new()])
    assert not await store.holds([replace(piece, size=2)])
    assert await store.trouble() is None


NO_NAMES = ["", "..", "../" * 10 + "etc/passwd", "/etc/passwd", "a" * 31, "a" * 33, "A" * 32]
NO_NAMES += ["é" * 32, "a" * 31 + "\n", "a" * 32 + "\n", "a" * 31 + "/", "\0" * 32]


@pytest.mark.parametrize("name", NO_NAMES, ids=repr)
def test_a_name_that_is_none_is_refused_everywhere(store: Store, name: str) -> None:
    piece = Piece(name, 1)
    for use in (
        lambda: store.size(piece),
        lambda: store.part(piece, None),
        lambda: digest_of(store, [piece], "sha256"),
        lambda: read(store, piece),
    ):
        with pytest.raises(ValueError, match="not an object's name"):
            use()


def test_deleting_passes_over_what_is_no_name(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    piece = write(store, b"x")
    store.delete(["../nonsense", piece.name])
    assert store.size(piece) is None
    assert "malformed name" in caplog.text


def test_objects_are_listed_with_their_sizes(store: Store) -> None:
    wanted = {}
    for size in (1, 2, 5000):
        piece = write(store, data(size))
        wanted[piece.name] = stored_size(size) if piece.key else size
    assert dict(store.objects()) == wanted


def test_names_of_pieces_differ_and_are_objects_names(store: Store) -> None:
    names = {Piece.new().name for _ in range(1000)}
    assert len(names) == 1000
    for name in [*names][:20]:
        assert store.size(Piece(name)) is None
    assert store.size(Piece(secrets.token_hex(16))) is None


def test_what_is_being_written_can_be_read_as_it_is_or_not_at_all(store: Store) -> None:
    content = data(3 * MIB + 5)
    with store.part(begin(store), None) as part:
        reader = part.reader()
        for start in range(0, len(content), 100_000):
            part.write(memoryview(content[start : start + 100_000]))
            if reader is not None:
                assert os.pread(reader.fileno(), start, 0) == content[:start]
        part.seal()
        if reader is not None:
            assert os.pread(reader.fileno(), len(content), 0) == content
            reader.close()
