"""The rounds: what has expired goes, garbage goes, cut anywhere they are taken up again."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.db.pushed import APP, garbage
from tests.upkeep.conftest import LAYER, Folder, keep

from entrepot.db import pieces, uploads
from entrepot.db.pieces import Piece
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.db.terms import Terms
from entrepot.db.uploads import Upload
from entrepot.observe.metrics import Metrics
from entrepot.upkeep.rounds import LOCK, collect, expire, make_rounds


@pytest.fixture
async def database(folder: Folder) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(folder.data)
    yield database
    await database.close()


def throw_away(folder: Folder, count: int) -> list[str]:
    """Objects that nobody names any more."""
    names = [keep(folder.store, b"%d" % number)[0] for number in range(count)]
    for name in names:
        pieces.drop(folder.db, name, "test")
    return names


def left(folder: Folder) -> list[str]:
    return [name for name, _ in folder.store.objects()]


def forgotten(folder: Folder, seconds: float = 100) -> Upload:
    """An upload with some bytes that nobody has touched for so long."""
    name, _ = keep(folder.store, bytes(20_000))
    upload, piece = Upload(name, APP, "sha256"), Piece(name, 20_000)
    uploads.begin(folder.db, upload)
    pieces.begin(folder.db, name, piece)
    after = uploads.advance(folder.db, upload, replace(upload, size=20_000), piece)
    folder.db.execute("update upload set touched_at = touched_at - ? where id = ?", (seconds, name))
    return after


async def test_garbage_is_deleted_and_forgotten(folder: Folder, database: SQLiteDatabase) -> None:
    throw_away(folder, 600)
    assert await collect(database, folder.store) == 600
    assert left(folder) == [folder.object]
    assert garbage(folder.db) == []
    assert await collect(database, folder.store) == 0


async def test_a_malformed_name_in_the_garbage_is_forgotten(
    folder: Folder, database: SQLiteDatabase
) -> None:
    throw_away(folder, 1)
    pieces.drop(folder.db, "../nonsense", "test")
    assert await collect(database, folder.store) == 2
    assert left(folder) == [folder.object]
    assert garbage(folder.db) == []


async def test_a_round_cut_between_deleting_and_forgetting_is_taken_up(
    folder: Folder, database: SQLiteDatabase
) -> None:
    gone, *_ = throw_away(folder, 3)
    folder.store.delete([gone])
    assert await collect(database, folder.store) == 3
    assert left(folder) == [folder.object]
    assert garbage(folder.db) == []


async def test_what_cannot_be_deleted_is_not_forgotten(
    folder: Folder, database: SQLiteDatabase
) -> None:
    [name] = throw_away(folder, 1)
    folder.store.delete([name])
    folder.store.path(name).mkdir()
    with pytest.raises(OSError, match=name):
        await collect(database, folder.store)
    assert garbage(folder.db) == [name]
    folder.store.path(name).rmdir()
    assert await collect(database, folder.store) == 1


async def test_only_idle_uploads_expire(folder: Folder, database: SQLiteDatabase) -> None:
    old, young = forgotten(folder), forgotten(folder, seconds=10)
    assert await expire(database, 60) == 1
    assert garbage(folder.db) == [old.id]
    assert uploads.find(folder.db, APP, young.id) == young


async def test_a_piece_that_a_killed_process_left_goes(
    folder: Folder, database: SQLiteDatabase
) -> None:
    upload = forgotten(folder, seconds=0)
    left_open, written = Piece.new(), Piece.new()
    for piece in (left_open, written):
        pieces.begin(folder.db, upload.id, piece)
    folder.db.execute("update piece set started_at = started_at - 100 where number is null")
    uploads.touch(folder.db, upload.id, written)
    assert await expire(database, 60) == 0
    assert garbage(folder.db) == [left_open.name]
    assert pieces.settle(folder.db, upload.id, written)


async def test_an_upload_touched_after_it_was_found_idle_stays(
    folder: Folder, database: SQLiteDatabase
) -> None:
    upload = forgotten(folder)

    def touch(db: object) -> None:
        folder.db.execute("update upload set touched_at = touched_at + 1000")

    waiting = asyncio.create_task(expire(database, 60))
    touch(None)
    assert await waiting == 0
    assert uploads.find(folder.db, APP, upload.id).size == upload.size


async def test_of_two_processes_one_makes_the_rounds(
    folder: Folder, database: SQLiteDatabase
) -> None:
    throw_away(folder, 1)
    with (folder.data / LOCK).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        async with making_rounds(database, folder):
            await asyncio.sleep(0.3)
            assert len(left(folder)) == 2
            fcntl.flock(other, fcntl.LOCK_UN)
            await until(lambda: left(folder) == [folder.object])


async def test_a_round_that_fails_is_followed_by_another(
    folder: Folder, database: SQLiteDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    [name] = throw_away(folder, 1)
    folder.store.delete([name])
    folder.store.path(name).mkdir()
    async with making_rounds(database, folder):
        await until(lambda: "a round failed" in caplog.text)
        folder.store.path(name).rmdir()
        await until(lambda: garbage(folder.db) == [])


async def test_a_round_measures_what_is_kept(folder: Folder, database: SQLiteDatabase) -> None:
    forgotten(folder, seconds=0)
    async with making_rounds(database, folder) as metrics:
        await until(lambda: b"entrepot_store_blobs 2.0\n" in metrics.render())
        assert b"entrepot_uploads_open 1.0\n" in metrics.render()
        manifest = folder.db.execute("select length(content) from manifest").fetchone()[0]
        total = len(LAYER) + len(b"{}") + manifest
        assert f"entrepot_store_bytes {total:.1f}\n".encode() in metrics.render()


@asynccontextmanager
async def making_rounds(database: SQLiteDatabase, folder: Folder) -> AsyncIterator[Metrics]:
    metrics = Metrics()
    rounds = asyncio.create_task(
        make_rounds(database, folder.store, metrics, Terms(), folder.data, expiry=60, pause=0.02)
    )
    yield metrics
    assert not rounds.done()
    rounds.cancel()
    await asyncio.gather(rounds, return_exceptions=True)


async def until(what: Callable[[], bool]) -> None:
    for _ in range(1000):
        if what():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not so after 10 s")


async def test_one_round_expires_more_than_a_page(folder: Folder, database: SQLiteDatabase) -> None:
    for _ in range(620):
        forgotten(folder)
    assert await expire(database, 60) == 620
    assert uploads.idle(folder.db, 60, (0, ""), 1) == []
