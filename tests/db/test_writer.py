"""The writer: what is committed together, what fails alone, what is durable."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from entrepot.db import engine
from entrepot.db.connection import Connection
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.db.writer import Write


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(tmp_path)
    yield database
    await database.close()


def insert(name: str) -> Callable[[Connection], int]:
    def write(db: Connection) -> int:
        made: int = db.execute(
            "insert into repository (name, created_at) values (?, 0) returning id", (name,)
        ).fetchone()[0]
        return made

    return write


def names(database: SQLiteDatabase) -> list[str]:
    return [name for (name,) in database.reader.execute("select name from repository order by id")]


async def test_an_answer_comes_when_readers_see_the_write(database: SQLiteDatabase) -> None:
    for number in range(50):
        await database.write(insert(f"r{number}"))
        assert names(database)[-1] == f"r{number}"


async def test_writes_keep_their_order(database: SQLiteDatabase) -> None:
    wanted = [f"r{number}" for number in range(1000)]
    numbers = await asyncio.gather(*(database.write(insert(name)) for name in wanted))
    assert numbers == sorted(numbers)
    assert names(database) == wanted


async def test_what_gathers_shares_a_commit(database: SQLiteDatabase, tmp_path: Path) -> None:
    """The log of the database grows by pages once per commit: many writes share their pages."""
    await database.write(insert("first"))
    log = tmp_path / f"{engine.FILE}-wal"
    before = log.stat().st_size
    await asyncio.gather(*(database.write(insert(f"r{number}")) for number in range(200)))
    assert (log.stat().st_size - before) / 4096 < 100


async def test_one_that_fails_takes_no_other_with_it(database: SQLiteDatabase) -> None:
    def fail(db: Connection) -> None:
        insert("half done")(db)
        raise LookupError("on purpose")

    writes: list[Write[Any]] = [insert("a"), fail, insert("b"), insert("a")]
    jobs = map(database.write, writes)
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [int, LookupError, int, sqlite3.IntegrityError]
    assert names(database) == ["a", "b"]


async def test_a_full_database_undoes_all_and_goes_on(database: SQLiteDatabase) -> None:
    """A full database ends SQLite's transaction in the middle of a batch."""
    await database.write(insert("before"))

    def limit(db: Connection) -> None:
        pages = db.execute("pragma page_count").fetchone()[0]
        db.execute(f"pragma max_page_count = {pages + 2}")

    def fill(db: Connection) -> None:
        db.execute("insert into upload values ('x', 1, '', 0, null, zeroblob(100000), 0, null)")

    await database.write(limit)
    writes: list[Write[Any]] = [insert("with it"), fill]
    jobs = map(database.write, writes)
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert isinstance(results[1], sqlite3.OperationalError)
    assert "full" in str(results[1])
    kept = ["with it"] if isinstance(results[0], int) else []
    assert names(database) == ["before", *kept]
    await database.write(insert("after"))
    assert names(database) == ["before", *kept, "after"]
    assert database.trouble() is None


async def test_bookkeeping_moves_no_generation(database: SQLiteDatabase) -> None:
    before = database.generation.read()
    await database.note(insert("noted"))
    assert names(database) == ["noted"]
    assert database.generation.read() == before
    await database.write(insert("written"))
    assert database.generation.read() != before


async def test_a_write_goes_on_when_nobody_waits(database: SQLiteDatabase) -> None:
    job = database.write(insert("kept"))
    job.cancel()
    await database.write(insert("next"))
    assert names(database) == ["kept", "next"]


async def test_closing_finishes_what_was_submitted(tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path)
    jobs = [database.write(insert(f"r{number}")) for number in range(600)]
    await database.close()
    assert database.trouble()
    with pytest.raises(RuntimeError, match="closed"):
        _ = database.write(insert("late"))
    assert len(await asyncio.gather(*jobs)) == 600
    db = engine.connect(tmp_path)
    assert db.execute("select count(*) from repository").fetchone() == (600,)
    db.close()


async def test_two_writers_wait_for_each_other(tmp_path: Path) -> None:
    """As two processes do; neither sees the database as locked."""
    one, two = SQLiteDatabase(tmp_path), SQLiteDatabase(tmp_path)
    jobs = [(one, two)[number % 2].write(insert(f"r{number}")) for number in range(400)]
    await asyncio.gather(*jobs)
    assert len(names(one)) == len(names(two)) == 400
    await one.close()
    await two.close()


async def test_any_thread_may_ask(database: SQLiteDatabase) -> None:
    await database.write(insert("here"))

    def query(db: Connection) -> str:
        return str(db.execute("select name from repository").fetchone()[0])

    found = await asyncio.gather(*(asyncio.to_thread(database.ask, query) for _ in range(50)))
    assert set(found) == {"here"}


@pytest.mark.parametrize("large", [False, True])
async def test_only_large_writes_leave_the_event_loop(
    database: SQLiteDatabase, large: bool
) -> None:
    def where(db: Connection) -> bool:
        return threading.current_thread() is threading.main_thread()

    beside = database.write(insert("beside"))
    assert await database.write(where, large=large) is not large
    assert await beside
