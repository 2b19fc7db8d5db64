"""What only the store on a local disk has: folders, direct writes and file systems without them."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.blobstore.test_contract import aligned, data, read, write

from entrepot.blobstore.disk import DiskStore
from entrepot.db.pieces import Piece
from entrepot.oci.digest import Digest, hasher
from entrepot.oci.ranges import Span

MIB = 1024 * 1024


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk, and one on a file system that may refuse direct writes."""
    if request.param == "disk":
        yield tmp_path
    else:
        with TemporaryDirectory(dir="/dev/shm") as memory:
            yield Path(memory)


@pytest.mark.parametrize("odd", [0, 1, 4095, 5000])
@pytest.mark.parametrize("is_aligned", [True, False], ids=["aligned", "unaligned"])
def test_direct_or_not_the_bytes_are_the_same(folder: Path, odd: int, is_aligned: bool) -> None:
    store = DiskStore(folder)
    store.prepare()
    piece, found = Piece.new(), hasher("sha256")
    content = data(2 * MIB + odd)
    with store.part(piece, found) as part:
        for start in range(0, len(content), MIB):
            some = content[start : start + MIB]
            part.write(aligned(some) if is_aligned else memoryview(bytearray(b"x" + some))[1:])
        part.seal()
    assert read(store, Piece(piece.name, len(content))) == content
    assert Digest("sha256", found.hexdigest()) == Digest.of(content)


def test_large_aligned_pieces_go_to_the_disk_directly(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.prepare()
    piece = Piece.new()
    name = piece.name
    with store.part(piece, None) as part:
        part.write(aligned(data(MIB)))
        assert _flags(store, name) & os.O_DIRECT
        part.write(memoryview(b"odd"))
        assert not _flags(store, name) & os.O_DIRECT
    assert store.size(Piece(name)) == MIB + 3


def test_preparing_makes_what_is_missing_and_keeps_the_rest(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "deep" / "blobs")
    assert list(store.objects()) == []
    assert not store.folder.exists(), "who only reads makes nothing"
    store.prepare()
    kept = store.path("ab" * 16)
    kept.write_bytes(b"kept")
    (store.folder / "00").rmdir()
    store.prepare()
    assert len(list(store.folder.iterdir())) == 256
    assert kept.read_bytes() == b"kept"


def test_what_is_no_object_is_left_alone(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.prepare()
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "note.txt").write_text("not ours")
    (tmp_path / "ab" / "note.txt").write_text("not ours")
    assert list(store.objects()) == []


def test_objects_are_for_their_owner_only(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.prepare()
    piece = Piece.new()
    store.part(piece, None).close()
    assert store.path(piece.name).stat().st_mode & 0o777 == 0o600


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.prepare()
    piece = write(store, b"first")
    with pytest.raises(FileExistsError):
        store.part(piece, None)
    assert read(store, piece) == b"first"


async def test_who_reads_what_is_deleted_reads_on(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.prepare()
    piece = write(store, b"first")
    source = await store.open([piece], Span(0, 5))
    store.delete([piece.name])
    assert source.files[0][0].readall() == b"first"
    source.close()


def _flags(store: DiskStore, name: str) -> int:
    """The flags of the descriptor by which this process writes the object."""
    for entry in Path("/proc/self/fd").iterdir():
        if entry.is_symlink() and str(entry.readlink()) == str(store.path(name)):
            return fcntl.fcntl(int(entry.name), fcntl.F_GETFL)
    raise AssertionError("nobody writes it")
