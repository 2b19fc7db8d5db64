"""The log is read for all rules, and none waits until another one has caught up, nor costs anything
when another one has something to do; and many do not begin all at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.db import replication_tags, replications
from entrepot.db.connection import Connection
from entrepot.db.news import News, Watch
from entrepot.db.replications import Direction, Replication
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.db.trash import Keep
from entrepot.observe.metrics import Metrics
from entrepot.upkeep.follower import LOOK
from entrepot.upkeep.replication.crowd import MOST, YOUNG
from entrepot.upkeep.replication.replicator import Replicator

LONG = 1700
"""Rows of a log that is read in several steps."""
MANY = 20
"""Rules, each with more to do than it does at once."""
NOBODY = "http://127.0.0.1:9"


async def happen(database: SQLiteDatabase, times: int, project: str = "team") -> None:
    def write(db: Connection) -> None:
        db.executemany(
            "insert into change (at, actor, kind, repository, reference, new) "
            "values (?, 'user:a', 'tagged', ?, ?, 'sha256:a')",
            [(time.time(), f"{project}/app", str(number)) for number in range(times)],
        )

    await database.write(write)


async def rule(database: SQLiteDatabase, name: str, project: str = "team") -> None:
    made = Replication(name, Direction.PUSH, NOBODY, f"{project}/*")
    await database.write(lambda db: replications.add(db, made))


async def compared(database: SQLiteDatabase, name: str) -> None:
    await database.write(lambda db: replications.compared(db, name, time.time(), ""))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLiteDatabase]:
    found = SQLiteDatabase(tmp_path)
    yield found
    await found.close()


@asynccontextmanager
async def replicator(database: SQLiteDatabase) -> AsyncIterator[tuple[Replicator, Watch]]:
    """One that has looked which rules there are."""
    store, news = DiskStore(folder_of(database.folder)), News(database.log)
    store.prepare()
    found = Replicator(
        database, store, news, Metrics(), allow=(), address="", keep=Keep(), disk=None
    )
    await found.look()
    with news.watch(lambda *_: True) as watch:
        yield found, watch
    await found.finish()


def cursor(database: SQLiteDatabase, name: str) -> int:
    """How far the log was read for a rule, as it is written down."""
    found = replications.find(database.reader, name)
    assert found is not None
    return found.cursor


async def test_who_is_far_behind_holds_up_no_other(database: SQLiteDatabase) -> None:
    """As a rule that was paused for weeks."""
    await rule(database, "behind")
    await happen(database, LONG)
    await rule(database, "front")
    await happen(database, 1)
    async with replicator(database) as (found, watch):
        assert await found.step(watch) == 0
        assert cursor(database, "front") == LONG + 1
        assert cursor(database, "behind") < LONG
        while await found.step(watch) == 0:
            pass
        assert cursor(database, "behind") == LONG + 1


async def test_one_that_is_busy_has_nobody_look_for_the_others(database: SQLiteDatabase) -> None:
    for name in ("busy", "quiet", "still"):
        await rule(database, name, name)
        await compared(database, name)
    async with replicator(database) as (found, watch):
        asked = await _asked(database, found, watch)
    about = [each for each in asked if "replication_tag" in each]
    assert about
    assert all("'busy'" in each for each in about)


async def _asked(database: SQLiteDatabase, found: Replicator, watch: Watch) -> list[str]:
    """The queries of the step in which one of them has something to do, soon after all were looked
    at, since they are now and then.
    """
    while True:
        began, asked = time.monotonic(), list[str]()
        await found.step(watch)
        await happen(database, 1, "busy")
        database.reader.set_trace_callback(asked.append)
        await found.step(watch)
        database.reader.set_trace_callback(None)
        if time.monotonic() - began < LOOK:
            return asked


async def waits(database: SQLiteDatabase, name: str) -> None:
    """A rule that has been compared, and has something to copy."""
    await rule(database, name, name)
    await compared(database, name)
    found = [((f"{name}/app", str(tag), False), 0.0) for tag in range(10)]
    await database.write(lambda db: replication_tags.enlist(db, name, found, 0.0))


async def test_many_begin_no_more_than_there_is_room_for(database: SQLiteDatabase) -> None:
    for number in range(MANY):
        await waits(database, f"rule-{number}")
    while True:
        async with replicator(database) as (found, watch):
            before, began = asyncio.all_tasks(), time.monotonic()
            await found.step(watch)
            begun = len(asyncio.all_tasks() - before)
            if time.monotonic() - began < YOUNG:
                break
    assert begun == MOST


async def test_each_has_its_turn(database: SQLiteDatabase) -> None:
    """Neither end has such tags, so that is all that there is to do."""
    for number in range(MANY):
        await waits(database, f"rule-{number}")
    async with replicator(database) as (found, watch), asyncio.timeout(60):
        while any(waiting(database, f"rule-{number}") for number in range(MANY)):
            pause = await found.step(watch)
            assert pause is not None
            await watch.wait(pause)


def waiting(database: SQLiteDatabase, name: str) -> int:
    return replication_tags.standing(database.reader, name).waiting
