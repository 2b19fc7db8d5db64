"""The log is read for all rules, and none waits until another one has caught up."""

import time
from pathlib import Path

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.db import replications
from entrepot.db.connection import Connection
from entrepot.db.news import News
from entrepot.db.replications import Direction, Replication
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.db.trash import Keep
from entrepot.observe.metrics import Metrics
from entrepot.upkeep.replication.replicator import Replicator

LONG = 1700
"""Rows of a log that is read in several steps."""
NOBODY = "http://127.0.0.1:9"


async def happen(database: SQLiteDatabase, times: int) -> None:
    def write(db: Connection) -> None:
        db.executemany(
            "insert into change (at, actor, kind, repository, reference, new) "
            "values (?, 'user:a', 'tagged', 'team/app', ?, 'sha256:a')",
            [(time.time(), str(number)) for number in range(times)],
        )

    await database.write(write)


async def rule(database: SQLiteDatabase, name: str) -> None:
    made = Replication(name, Direction.PUSH, NOBODY, "team/*")
    await database.write(lambda db: replications.add(db, made))


def cursor(database: SQLiteDatabase, name: str) -> int:
    """How far the log was read for a rule, as it is written down."""
    found = replications.find(database.reader, name)
    assert found is not None
    return found.cursor


async def test_who_is_far_behind_holds_up_no_other(tmp_path: Path) -> None:
    """As a rule that was paused for weeks."""
    database, store = SQLiteDatabase(tmp_path), DiskStore(folder_of(tmp_path))
    store.prepare()
    await rule(database, "behind")
    await happen(database, LONG)
    await rule(database, "front")
    await happen(database, 1)
    news = News(database.log)
    found = Replicator(
        database, store, news, Metrics(), allow=(), address="", keep=Keep(), disk=None
    )
    await found.look()
    with news.watch(lambda *_: True) as watch:
        assert await found.step(watch) == 0
        assert cursor(database, "front") == LONG + 1
        assert cursor(database, "behind") < LONG
        while await found.step(watch) == 0:
            pass
        assert cursor(database, "behind") == LONG + 1
    await found.finish()
    await database.close()
