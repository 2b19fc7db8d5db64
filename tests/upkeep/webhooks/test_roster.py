"""The log is read for all webhooks, and none waits until another one has caught up."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from entrepot.db import deliveries, webhooks
from entrepot.db.connection import Connection
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.db.webhooks import Webhook
from entrepot.upkeep.webhooks.roster import Roster

LONG = 1700
"""Rows of a log that is read in several steps."""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(tmp_path / "data")
    yield database
    await database.close()


async def happen(database: SQLiteDatabase, repository: str, times: int = 1) -> None:
    def write(db: Connection) -> None:
        db.executemany(
            "insert into change (at, actor, kind, repository, reference, new) "
            "values (?, 'user:a', 'tagged', ?, ?, 'sha256:a')",
            [(time.time(), repository, str(number)) for number in range(times)],
        )

    await database.write(write)


async def hook(database: SQLiteDatabase, number: str, pattern: str) -> None:
    new = Webhook(number, "https://x.test", "secret", pattern, frozenset(), "slack")
    await database.write(lambda db: webhooks.add(db, new))


def waiting(database: SQLiteDatabase, number: str) -> int:
    return deliveries.waiting(database.reader, number, 10_000)


async def test_who_is_far_behind_holds_up_no_other(database: SQLiteDatabase) -> None:
    """As who was paused for weeks; nor does one in the middle lose anything."""
    await hook(database, "behind", "team/*")
    await happen(database, "team/app", LONG)
    await hook(database, "middle", "team/*")
    await happen(database, "team/app", LONG)
    await hook(database, "front", "team/*")
    await happen(database, "team/app")
    roster = Roster(database)
    await roster.learn()
    assert await roster.forward()
    assert waiting(database, "front") == 1
    steps = 1
    while await roster.forward():
        steps += 1
    assert steps == 2 * LONG // 500
    assert waiting(database, "behind") == 2 * LONG + 1
    assert waiting(database, "middle") == LONG + 1
    assert waiting(database, "front") == 1


async def test_how_far_the_log_was_read_is_noted_for_all_at_once(database: SQLiteDatabase) -> None:
    for number in range(200):
        await hook(database, f"{number:03}", "quiet/*")
    await happen(database, "team/app", 3)
    roster = Roster(database)
    await roster.learn()
    assert not await roster.forward()
    await roster.learn()
    rows = database.reader.execute("select distinct cursor from webhook").fetchall()
    assert rows == [(3,)]
