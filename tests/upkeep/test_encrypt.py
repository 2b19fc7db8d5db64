"""Old objects are encrypted and exchanged, whatever happens to them meanwhile."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.db.pushed import APP, garbage
from tests.upkeep.conftest import LAYER, Folder, keep
from tests.upkeep.running import running
from tests.waiting import auntil

from entrepot.blobstore.encrypted import EncryptedStore
from entrepot.blobstore.store import Source, StoreError
from entrepot.db import blobs, engine, jobs, pieces
from entrepot.db.blobs import Blob
from entrepot.db.jobs import Standing
from entrepot.db.pieces import Piece
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.encryption.keys import Keyring, MasterKey
from entrepot.oci.digest import Digest
from entrepot.oci.ranges import Span
from entrepot.upkeep import encrypt as encrypting
from entrepot.upkeep.check import findings
from entrepot.upkeep.encrypt import encrypt
from entrepot.upkeep.encryption_jobs import ENCRYPT_OLD, encryption_jobs
from entrepot.upkeep.rounds import expire

KEY = MasterKey.new()
RING = Keyring((KEY,))


@pytest.fixture
async def database(folder: Folder) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(folder.data, RING)
    yield database
    await database.close()


@pytest.fixture
def store(folder: Folder) -> EncryptedStore:
    return EncryptedStore(folder.store, RING)


def nobody(_done: int, _total: int | None) -> None:
    """Is told of progress."""


def add(folder: Folder, *contents: bytes) -> Digest:
    """A blob that lies plain, in as many pieces."""
    whole, owner = b"".join(contents), Piece.new().name
    for content in contents:
        piece = Piece(keep(folder.store, content)[0], len(content))
        pieces.begin(folder.db, owner, piece)
        assert pieces.settle(folder.db, owner, piece)
    digest = Digest.of(whole)
    blobs.add(folder.db, APP, digest, Blob(len(whole), None, owner), renew=False)
    return digest


async def read(store: EncryptedStore, blob: Blob) -> bytes:
    source = await store.open(blob.pieces, Span(0, blob.size))
    with closing(source):
        return await _all(source)


async def _all(source: Source) -> bytes:
    assert source.stream is not None, "it is not encrypted"
    return b"".join([bytes(part) async for part in source.stream])


async def found(database: SQLiteDatabase, digest: Digest) -> Blob:
    blob = await database.read(lambda db: blobs.stored(db, digest))
    assert blob is not None
    return blob


def damage(folder: Folder) -> list[str]:
    with closing(engine.connect_to_read(folder.data, RING)) as db:
        store = EncryptedStore(folder.store, RING)
        return [each.what for each in findings(db, store, read=True)]


async def test_blobs_of_one_piece_and_of_many(
    folder: Folder, database: SQLiteDatabase, store: EncryptedStore
) -> None:
    parts = [random.Random(number).randbytes(100_000 + number) for number in range(3)]
    many = add(folder, *parts)
    old = {name for name, _ in folder.store.objects()}
    told: list[tuple[int, int | None]] = []
    done = await encrypt(database, store, lambda *each: told.append(each))
    total = len(LAYER) + sum(map(len, parts))
    assert (done.blobs, done.bytes, done.failed) == (2, total, 0)
    assert told[-1] == (total, total)
    for digest, content in ((folder.layer, LAYER), (many, b"".join(parts))):
        blob = await found(database, digest)
        assert {piece.key for piece in blob.pieces} == {KEY.id}
        assert await read(store, blob) == content
    assert set(garbage(folder.db)) == old
    store.delete(garbage(folder.db))
    pieces.forget(folder.db, garbage(folder.db))
    assert damage(folder) == []
    assert not any(LAYER[:100] in path.read_bytes() for path in files(folder))


async def test_old_objects_may_linger(
    folder: Folder, database: SQLiteDatabase, store: EncryptedStore
) -> None:
    """Somebody may have a URL of them; they go as late as what an upload has left."""
    await encrypt(database, store, nobody, linger=True)
    assert garbage(folder.db) == []
    assert folder.file.read_bytes() == LAYER
    assert folder.object not in {
        piece.name for piece in (await found(database, folder.layer)).pieces
    }
    assert damage(folder) == []
    assert await encrypt(database, store, nobody) == encrypting.Encrypted()
    assert await expire(database, 1000) == 0
    assert garbage(folder.db) == []
    folder.db.execute("update piece set started_at = started_at - 1001")
    await expire(database, 1000)
    assert garbage(folder.db) == [folder.object]
    assert await read(store, await found(database, folder.layer)) == LAYER


def files(folder: Folder) -> list[Path]:
    return [path for path in folder.store.folder.rglob("*") if path.is_file()]


async def test_again_there_is_nothing_to_do(
    folder: Folder, database: SQLiteDatabase, store: EncryptedStore
) -> None:
    await encrypt(database, store, nobody)
    before = list(folder.store.objects())
    done = await encrypt(database, store, nobody)
    assert (done.blobs, done.failed) == (0, 0)
    assert list(folder.store.objects()) == before


async def test_only_plain_pieces_are_written_anew(
    folder: Folder, database: SQLiteDatabase, store: EncryptedStore
) -> None:
    """An upload that began before there was a key, and went on after."""
    digest = add(folder, b"a" * 70_000, b"b" * 70_000)
    blob = await found(database, digest)
    await encrypt(database, store, nobody)
    first = (await found(database, digest)).pieces[0]
    folder.db.execute("update piece set key = null, data_key = null where name = ?", (first.name,))
    plain, _ = keep(folder.store, b"a" * 70_000)
    folder.db.execute("update piece set name = ? where name = ?", (plain, first.name))
    second = (await found(database, digest)).pieces[1]
    done = await encrypt(database, store, nobody)
    assert (done.blobs, done.bytes) == (1, 70_000)
    again = await found(database, digest)
    assert again.pieces[1] == second
    assert again.pieces[0].name not in {plain, first.name}
    assert await read(store, again) == b"a" * 70_000 + b"b" * 70_000
    assert again.object == blob.object


def flip(folder: Folder) -> None:
    content = bytearray(folder.file.read_bytes())
    content[5] ^= 1
    folder.file.write_bytes(content)


def cut(folder: Folder) -> None:
    folder.file.write_bytes(LAYER[:-1])


def lose(folder: Folder) -> None:
    folder.file.unlink()


@pytest.mark.parametrize("spoil", [flip, cut, lose])
async def test_what_is_damaged_stays_as_it_is(
    folder: Folder,
    database: SQLiteDatabase,
    store: EncryptedStore,
    spoil: Callable[[Folder], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is not made to look whole; and the others are encrypted all the same."""
    other = add(folder, b"other" * 10_000)
    before = await found(database, folder.layer)
    spoil(folder)
    done = await encrypt(database, store, nobody)
    assert (done.blobs, done.failed) == (1, 1)
    assert await found(database, folder.layer) == before
    assert await read(store, await found(database, other)) == b"other" * 10_000
    assert f"blob {folder.layer} is not encrypted: " in caplog.text
    opened = folder.db.execute("select count(*) from piece where number is null").fetchone()
    assert opened == (0,)


async def test_a_store_that_fails_for_all_ends_it(
    folder: Folder, database: SQLiteDatabase, store: EncryptedStore
) -> None:
    for number in range(30):
        add(folder, b"%d" % number * 20_000)
    for file in files(folder):
        file.unlink()
    with pytest.raises(FileNotFoundError):
        await encrypt(database, store, nobody)


class Away(EncryptedStore):
    """Does not do what it is asked to."""

    why: str | None = None
    reads = 0

    def read(self, piece, span):  # type: ignore[no-untyped-def]
        self.reads += 1
        raise StoreError(f"reading {piece.name} failed")

    async def trouble(self) -> str | None:
        return self.why


async def test_a_store_that_does_not_answer_ends_it_at_once(
    folder: Folder, database: SQLiteDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """In one line, by whoever runs it; none of the blobs is called damaged."""
    for number in range(3):
        add(folder, b"%d" % number * 20_000)
    store = Away(folder.store, RING)
    store.why = "the bucket does not answer"
    with pytest.raises(StoreError, match=r"^the bucket does not answer$"):
        await encrypt(database, store, nobody)
    assert store.reads == 1
    assert caplog.text == ""
    opened = folder.db.execute("select count(*) from piece where number is null").fetchone()
    assert opened == (0,)


async def test_an_object_that_the_store_refuses_is_passed_over(
    folder: Folder, database: SQLiteDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    add(folder, b"other" * 10_000)
    store = Away(folder.store, RING)
    assert (await encrypt(database, store, nobody)).failed == store.reads == 2
    assert f"blob {folder.layer} is not encrypted: reading" in caplog.text


async def test_the_runner_tries_it_again_and_says_so_once(
    folder: Folder, database: SQLiteDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    store = Away(folder.store, RING)
    store.why = "the bucket does not answer"

    def standing() -> Standing | None:
        return jobs.find(folder.db, ENCRYPT_OLD)

    [_, job] = encryption_jobs(database, store, linger=False)
    async with running(database, job):
        await auntil(lambda: jobs.ask(folder.db, ENCRYPT_OLD))
        await auntil(lambda: (found := standing()) is not None and found.failures > 0)
    found = standing()
    assert found is not None
    assert found.next_at is not None
    assert found.progress.error == "the bucket does not answer"
    line = "job encrypt-old failed: the bucket does not answer; it is tried again"
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == [line]


class Meddling(EncryptedStore):
    """Does something while the first object is read."""

    meddle: Callable[[], None]

    def read(self, piece, span):  # type: ignore[no-untyped-def]
        for stride in super().read(piece, span):
            self.meddle()
            yield stride


@pytest.fixture
def meddling(folder: Folder) -> Meddling:
    return Meddling(folder.store, RING)


async def test_a_blob_that_is_deleted_meanwhile(
    folder: Folder, database: SQLiteDatabase, meddling: Meddling
) -> None:
    def delete() -> None:
        blobs.remove(folder.db, APP, folder.layer, even_if_used=True)

    meddling.meddle = delete
    done = await encrypt(database, meddling, nobody)
    assert (done.blobs, done.failed) == (0, 0)
    names = {name for name, _ in folder.store.objects()}
    assert set(garbage(folder.db)) == names
    assert len(names) == 2


async def test_a_blob_that_is_pushed_again_meanwhile(
    folder: Folder, database: SQLiteDatabase, meddling: Meddling
) -> None:
    """What renewed it stands; it is encrypted the next time."""
    (name, _), owner = keep(folder.store, LAYER), "0" * 32

    def renew() -> None:
        piece = Piece(name, len(LAYER))
        pieces.begin(folder.db, owner, piece)
        assert pieces.settle(folder.db, owner, piece)
        blobs.add(folder.db, APP, folder.layer, Blob(len(LAYER), None, owner), renew=True)
        meddling.meddle = lambda: None

    meddling.meddle = renew
    assert (await encrypt(database, meddling, nobody)).blobs == 0
    assert [piece.name for piece in (await found(database, folder.layer)).pieces] == [name]
    assert len(garbage(folder.db)) == 2


async def test_it_stops_at_once_when_the_process_ends(
    folder: Folder, database: SQLiteDatabase, store: EncryptedStore
) -> None:
    add(folder, bytes(5_000_000))
    running = asyncio.create_task(encrypt(database, store, nobody, rate=10_000))
    await asyncio.sleep(0.3)
    running.cancel()
    async with asyncio.timeout(60):  # of the minutes that it has to do
        await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()
    await database.read(lambda db: None)
    done = await encrypt(database, store, nobody)
    assert done.blobs == 2
    assert encrypting.RATE > 1_000_000
