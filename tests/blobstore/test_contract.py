"""What every store promises: bytes come back as they went in, names are checked, nobody is in the
way of anybody else.
"""

import mmap
import random
import secrets
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entrepot.blobstore.disk import DiskStore
from entrepot.db.uploads import Upload
from entrepot.oci.digest import HEX_LENGTH, Digest, Hasher, hasher
from entrepot.oci.names import Repository

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


def write(store: DiskStore, name: str, *pieces: bytes, size: int = 0) -> Hasher:
    found = hasher("sha256")
    with store.part(name, size, found) as part:
        for piece in pieces:
            part.write(memoryview(piece))
        part.seal()
    return found


def read(store: DiskStore, name: str) -> bytes:
    with store.open(name) as file:
        return file.readall()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(pieces=st.lists(st.tuples(sizes, st.booleans()), min_size=1, max_size=5), cut=st.booleans())
def test_pieces_of_any_size_come_back_whole_and_rightly_hashed(
    store: DiskStore, pieces: list[tuple[int, bool]], cut: bool
) -> None:
    name, found, whole = secrets.token_hex(16), hasher("sha256"), b""
    parts = [pieces[:2], pieces[2:]] if cut else [pieces]
    for part_of in parts:
        with store.part(name, len(whole), found) as part:
            for size, is_aligned in part_of:
                piece = data(size, len(whole))
                part.write(aligned(piece) if is_aligned else memoryview(piece))
                whole += piece
            part.seal()
            assert part.size == len(whole)
    assert read(store, name) == whole
    assert store.size(name) == len(whole)
    assert store.digest(name, "sha256") == Digest.of(whole) == Digest("sha256", found.hexdigest())
    store.delete(name)


@pytest.mark.parametrize("algorithm", HEX_LENGTH)
def test_the_digest_is_of_what_really_lies_there(store: DiskStore, algorithm: str) -> None:
    name, content = secrets.token_hex(16), data(3 * MIB + 17)
    write(store, name, content)
    assert store.digest(name, algorithm) == Digest.of(content, algorithm)


@pytest.mark.parametrize("kept", [0, 1, 4096, 70_000, 100_000])
def test_a_part_cuts_off_what_is_not_to_be_kept(store: DiskStore, kept: int) -> None:
    name, first, then = secrets.token_hex(16), data(100_000), data(80_000, 1)
    write(store, name, first)
    with store.part(name, kept, None) as part:
        assert store.size(name) == kept
        part.write(memoryview(then))
    assert read(store, name) == first[:kept] + then


def test_bytes_that_should_be_there_and_are_not_are_an_error(store: DiskStore) -> None:
    name = secrets.token_hex(16)
    write(store, name, data(100))
    with pytest.raises(OSError, match="has 100 bytes, not 101"):
        store.part(name, 101, None)
    assert not store.is_being_written(name)


def test_a_part_that_is_dropped_gives_its_room_back(store: DiskStore) -> None:
    name, first = secrets.token_hex(16), data(10_000)
    write(store, name, first)
    with store.part(name, len(first), None) as part:
        part.write(memoryview(data(MIB)))
        part.drop()
    assert read(store, name) == first


def test_only_one_writes_an_object(store: DiskStore) -> None:
    name = secrets.token_hex(16)
    assert not store.is_being_written(name)
    with store.part(name, 0, None) as part:
        part.write(memoryview(b"first"))
        assert store.is_being_written(name)
        with pytest.raises(BlockingIOError):
            store.part(name, 0, None)
        with store.part(secrets.token_hex(16), 0, None):
            pass
    assert not store.is_being_written(name)
    assert read(store, name) == b"first"


def test_who_may_not_write_after_all_changes_nothing(store: DiskStore) -> None:
    """What `confirm` raises comes out, with the object as it was and nobody holding it."""
    name = secrets.token_hex(16)
    write(store, name, b"content")

    def refuse() -> None:
        assert store.is_being_written(name)
        raise LookupError("moved")

    with pytest.raises(LookupError):
        store.part(name, 0, None, refuse)
    assert read(store, name) == b"content"
    assert not store.is_being_written(name)


def test_many_write_at_once(store: DiskStore) -> None:
    names = [secrets.token_hex(16) for _ in range(8)]
    contents = [data(MIB + number * 1001, number) for number in range(8)]
    found: list[str] = [""] * 8

    def work(number: int) -> None:
        pieces = [contents[number][i : i + 300_000] for i in range(0, MIB + 9000, 300_000)]
        found[number] = write(store, names[number], *pieces).hexdigest()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [read(store, name) for name in names] == contents
    assert found == [Digest.of(content).hex for content in contents]


def test_deleting_again_is_no_error(store: DiskStore) -> None:
    name = secrets.token_hex(16)
    write(store, name, b"x")
    with store.open(name) as file:
        for _ in range(2):
            store.delete(name)
        assert file.readall() == b"x", "who reads it already reads on"
    assert store.size(name) is None
    with pytest.raises(FileNotFoundError):
        store.open(name)


NO_NAMES = ["", "..", "../" * 10 + "etc/passwd", "/etc/passwd", "a" * 31, "a" * 33, "A" * 32]
NO_NAMES += ["é" * 32, "a" * 31 + "\n", "a" * 32 + "\n", "a" * 31 + "/", "\0" * 32]


@pytest.mark.parametrize("name", NO_NAMES, ids=repr)
def test_a_name_that_is_none_is_refused_everywhere(store: DiskStore, name: str) -> None:
    for use in (store.open, store.size, store.delete, store.is_being_written):
        with pytest.raises(ValueError, match="not an object's name"):
            use(name)
    with pytest.raises(ValueError, match="not an object's name"):
        store.part(name, 0, None)


def test_objects_are_listed_with_their_sizes(store: DiskStore) -> None:
    wanted = {}
    for size in (0, 1, 5000):
        name = secrets.token_hex(16)
        write(store, name, data(size))
        wanted[name] = size
    assert dict(store.objects()) == wanted


def test_names_of_uploads_differ_and_are_objects_names(store: DiskStore) -> None:
    names = {Upload.new(Repository("team/app"), "sha256").id for _ in range(1000)}
    assert len(names) == 1000
    for name in names:
        assert store.size(name) is None
