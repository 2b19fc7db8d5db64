"""Keys and secrets that are good for nothing any more go; all others stay."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from entrepot.auth import keyring
from entrepot.auth.directory import Directory
from entrepot.db import accounts, engine, keys, secrets
from entrepot.db.accounts import Kind
from entrepot.db.connection import Connection
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.upkeep.credentials import KEPT, SLACK, forget

LIFE = 300
MARGIN = 100
"""Seconds: more than a test takes."""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(tmp_path)
    yield database
    await database.close()


@pytest.fixture
def db(tmp_path: Path, database: SQLiteDatabase) -> Iterator[Connection]:
    with closing(engine.connect(tmp_path)) as db:
        yield db


def key(db: Connection, retired: float | None) -> str:
    """A key that was retired so many seconds ago."""
    made = keyring.make()
    keys.add(db, made)
    at = None if retired is None else time.time() - retired
    db.execute("update signing_key set retired_at = ? where id = ?", (at, made.id))
    return made.id


def known(db: Connection) -> set[str]:
    return {each.id for each in keys.every(db)}


async def test_a_key_goes_when_all_that_it_signed_has_ended(
    database: SQLiteDatabase, db: Connection
) -> None:
    old = key(db, LIFE + SLACK + MARGIN)
    just = key(db, LIFE + SLACK - MARGIN)
    signs = key(db, None)
    verifying = Directory(database).keys
    assert {each.id for each in await verifying()} == {old, just, signs}
    await forget(database, LIFE)
    assert known(db) == {just, signs}
    assert {each.id for each in await verifying()} == {just, signs}, "a cache still has it"
    rows = db.execute("select actor, via, action from audit").fetchall()
    assert rows == [("entrepot", "upkeep", "key forget")]


async def test_where_nothing_goes_nothing_is_written_down(
    database: SQLiteDatabase, db: Connection
) -> None:
    signs = key(db, None)
    before = database.generation.read()
    await forget(database, LIFE)
    assert known(db) == {signs}
    assert db.execute("select count(*) from audit").fetchone() == (0,)
    assert database.generation.read() == before


async def test_secrets_go_a_month_after_their_end(database: SQLiteDatabase, db: Connection) -> None:
    account = accounts.create(db, Kind.USER, "alice", "test").id
    now = time.time()
    ends = {
        "old": now - KEPT - MARGIN,
        "ended": now - KEPT + MARGIN,
        "good": now + MARGIN,
        "endless": None,
    }
    for name, end in ends.items():
        secrets.add(db, secrets.Kind.PERSONAL, account, name, name, expires_at=end)
    await forget(database, LIFE)
    found = secrets.of_account(db, account, secrets.Kind.PERSONAL)
    assert [each.name for each in found] == ["ended", "good", "endless"]
