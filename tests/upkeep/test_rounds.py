"""The rounds: what has expired goes, garbage goes, cut anywhere they are taken up again."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from tests.db.pushed import APP, garbage
from tests.upkeep.conftest import Folder, keep

from entrepot.blobstore.disk import DiskStore
from entrepot.blobstore.store import StoreError
from entrepot.db import pieces, uploads
from entrepot.db.pieces import Piece
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.db.uploads import Upload
from entrepot.upkeep.rounds import collect, expire


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


def stuck(folder: Folder, name: str) -> None:
    """Have an object be one that cannot be deleted."""
    folder.store.delete([name])
    folder.store.path(name).mkdir()


async def test_what_cannot_be_deleted_waits_and_holds_up_no_other(
    folder: Folder, database: SQLiteDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """Told once, and shown for as long as it lies there; tried again, it goes."""
    names = throw_away(folder, 600)
    bad = min(names)
    stuck(folder, bad)
    assert await collect(database, folder.store) == 599
    assert set(left(folder)) == {bad, folder.object}
    [(name, _, why)] = pieces.discarded(folder.db, 9)
    assert name == bad
    assert why.startswith("test; deleting it failed 1 times: ")
    assert await collect(database, folder.store) == 0
    folder.db.execute("update garbage set later = 0")
    assert await collect(database, folder.store) == 0
    assert [each.levelname for each in caplog.records] == ["ERROR"]
    assert f"object {bad} cannot be deleted, it is tried later: " in caplog.text
    folder.db.execute("update garbage set later = 0")
    folder.store.path(bad).rmdir()
    assert await collect(database, folder.store) == 1
    assert pieces.discarded(folder.db, 9) == []


async def test_it_waits_longer_each_time_and_a_day_at_most(
    folder: Folder, database: SQLiteDatabase
) -> None:
    [name] = throw_away(folder, 1)
    stuck(folder, name)
    for number in range(10):
        folder.db.execute("update garbage set later = 0")
        began = time.time()
        await collect(database, folder.store)
        (later,) = folder.db.execute("select later from garbage").fetchone()
        assert began <= later - min(600 * 2**number, 24 * 3600) <= time.time()


async def test_where_none_can_be_deleted_the_round_ends(
    folder: Folder, database: SQLiteDatabase
) -> None:
    for name in throw_away(folder, 25):
        stuck(folder, name)
    with pytest.raises(OSError, match=str(folder.store.folder)):
        await collect(database, folder.store)
    assert len(pieces.discarded(folder.db, 99)) == 25


class Away(DiskStore):
    """A store that cannot be reached."""

    asked = 0

    def delete(self, names: Sequence[str]) -> None:
        self.asked += 1
        raise StoreError("deleting failed")

    async def trouble(self) -> str | None:
        return "the bucket does not answer"


async def test_a_store_that_is_away_says_nothing_of_any_object(
    folder: Folder, database: SQLiteDatabase
) -> None:
    throw_away(folder, 3)
    store = Away(folder.store.folder)
    with pytest.raises(StoreError, match="the bucket does not answer"):
        await collect(database, store)
    assert store.asked == 1
    assert len(garbage(folder.db)) == 3


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


async def test_one_round_expires_more_than_a_page(folder: Folder, database: SQLiteDatabase) -> None:
    for _ in range(620):
        forgotten(folder)
    assert await expire(database, 60) == 620
    assert uploads.idle(folder.db, 60, (0, ""), 1) == []
