"""The jobs that there are: each does its own, again and again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.db.pushed import garbage
from tests.upkeep.conftest import LAYER, Folder
from tests.upkeep.running import running
from tests.upkeep.test_rounds import forgotten, left, throw_away
from tests.waiting import auntil

from entrepot.db import gauges
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.db.terms import Terms
from entrepot.observe.metrics import Metrics
from entrepot.upkeep.job import Job
from entrepot.upkeep.jobs import jobs


@pytest.fixture
async def database(folder: Folder) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(folder.data)
    yield database
    await database.close()


def every(database: SQLiteDatabase, folder: Folder, metrics: Metrics, copy: str = "") -> list[Job]:
    return jobs(
        database,
        folder.store,
        metrics,
        Terms(),
        pause=0.02,
        upload_expiry=60,
        token_seconds=300,
        audit_days=1,
        audit_copy=copy,
        scrub_days=0,
        scrub_rate=1e9,
    )


@asynccontextmanager
async def at_work(database: SQLiteDatabase, folder: Folder) -> AsyncIterator[None]:
    async with running(database, *every(database, folder, Metrics())):
        yield


async def test_garbage_goes(folder: Folder, database: SQLiteDatabase) -> None:
    throw_away(folder, 3)
    async with at_work(database, folder):
        await auntil(lambda: garbage(folder.db) == [])
    assert left(folder) == [folder.object]


async def test_a_round_that_fails_is_followed_by_another(
    folder: Folder, database: SQLiteDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    throw_away(folder, 1)
    folder.db.execute("alter table garbage rename to away")
    async with at_work(database, folder):
        await auntil(lambda: "job collect failed" in caplog.text)
        mend = "alter table away rename to garbage"  # a job may be amid a write, on this loop
        await asyncio.to_thread(folder.db.execute, mend)
        await auntil(lambda: garbage(folder.db) == [])
    assert left(folder) == [folder.object]


async def test_what_is_kept_is_measured(folder: Folder, database: SQLiteDatabase) -> None:
    forgotten(folder, seconds=0)
    manifest = folder.db.execute("select length(content) from manifest").fetchone()[0]
    measured = {
        "entrepot_store_blobs": 2,
        "entrepot_store_bytes": len(LAYER) + len(b"{}") + manifest,
        "entrepot_uploads_open": 1,
        "entrepot_scrub_damaged": 0,
    }
    async with at_work(database, folder):
        await auntil(lambda: gauges.every(folder.db) == measured)


def test_the_audit_is_copied_where_the_settings_say_so(
    folder: Folder, database: SQLiteDatabase
) -> None:
    """And no job is there twice."""
    usual = [job.name for job in every(database, folder, Metrics())]
    copying = [job.name for job in every(database, folder, Metrics(), copy="file:/x")]
    assert copying == [*usual, "audit-copy"]
    assert len(copying) == len(set(copying))
