"""Retention: whole days of the audit go, oldest first, and the chain stays whole."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.db.audited import event

from entrepot.db import audit, engine
from entrepot.db.chain import Chain
from entrepot.db.connection import Connection
from entrepot.db.place import Folder
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.upkeep.audit_retention import DAY, retain
from entrepot.upkeep.copy import marker

COPY = "file:/nowhere"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(tmp_path)
    yield database
    await database.close()


@pytest.fixture
def db(database: SQLiteDatabase) -> Iterator[Connection]:
    """Rows of the last five days, from noon to noon, two a day; the newest is of today."""
    with closing(engine.connect(database.folder)) as db:
        midnight = time.time() // DAY * DAY
        with db.exclusive():
            for days in range(5, 0, -1):
                for hours in (1, 12):
                    audit.append(db, event(1, at=midnight - days * DAY + hours * 3600))
            audit.append(db, event(1, at=midnight))
        yield db


def ids(db: Connection) -> list[int]:
    return [number for (number,) in db.execute("select id from audit order by id")]


@pytest.mark.parametrize(
    ("days", "gone"), [(0, 0), (1, 8), (2, 6), (4, 2), (5, 0), (365, 0), (10**6, 0)]
)
async def test_what_is_older_than_so_many_days_goes(
    database: SQLiteDatabase, db: Connection, days: int, gone: int
) -> None:
    assert await retain(database, days) == gone
    assert ids(db) == list(range(gone + 1, 12 + (gone > 0)))
    assert await retain(database, days) == 0
    assert list(Chain(Folder(database.folder).connect_to_read).faults()) == []


async def test_several_pages_are_told_of_in_several_rows(database: SQLiteDatabase) -> None:
    with closing(engine.connect(database.folder)) as db:
        with db.exclusive():
            audit.append(db, *(event(number) for number in range(1200)))
        assert await retain(database, 30) == 1200
        assert db.execute("select action, times from audit order by id").fetchall() == [
            (audit.EXPIRED, 500),
            (audit.EXPIRED, 500),
            (audit.EXPIRED, 200),
        ]
    assert list(Chain(Folder(database.folder).connect_to_read).faults()) == []


@pytest.mark.parametrize(("copied", "gone"), [(0, 0), (3, 3), (11, 8)])
async def test_what_is_not_copied_yet_stays(
    database: SQLiteDatabase, db: Connection, copied: int, gone: int
) -> None:
    audit.mark(db, marker(COPY), (copied, ""))
    assert await retain(database, 1, COPY) == gone
    assert ids(db)[0] == gone + 1
