"""Rows are sealed by the current key while all goes on, and what does not open is passed over."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.content import image
from tests.db.pushed import blob, manifest

from entrepot.db import engine, keyed
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.encryption.keys import Keyring, MasterKey
from entrepot.upkeep.rekey import rekey

OLD, NEW = MasterKey.new(), MasterKey.new()
PLANTED = "Planted-and-not-to-be-found"
MANY = 1100
"""More than are looked for at once."""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(tmp_path, Keyring((NEW, OLD)))
    yield database
    await database.close()


def fill(folder: Path, *keys: MasterKey, count: int = 3, text: str = PLANTED) -> None:
    with closing(engine.connect(folder, Keyring(keys))) as db, db.exclusive():
        blob(db, b"{}")
        for number in range(count):
            blob(db, f"{text} {number}".encode())
            if number < 3:
                manifest(db, image(annotations={"note": f"{text} {number}"}))


async def keys(database: SQLiteDatabase) -> dict[str | None, int]:
    found: dict[str | None, int] = {}
    for usage in await database.scan(lambda db: list(keyed.usage(db))):
        found[usage.key] = found.get(usage.key, 0) + usage.rows
    return found


@pytest.mark.parametrize("before", [(), (OLD,)], ids=["plain", "an older key"])
async def test_all_rows_come_to_the_current_key(
    database: SQLiteDatabase, tmp_path: Path, before: tuple[MasterKey, ...]
) -> None:
    fill(tmp_path, *before, count=MANY)
    told: list[tuple[int, int | None]] = []
    found = await rekey(database, lambda done, total: told.append((done, total)))
    rows = MANY + 3 + 1
    assert (found.rows, found.failed) == (rows, 0)
    assert await keys(database) == {NEW.id: rows}
    assert told[-1] == (rows, rows)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


async def test_nothing_of_it_is_left_in_the_files(database: SQLiteDatabase, tmp_path: Path) -> None:
    fill(tmp_path)
    assert shows(tmp_path)
    await rekey(database, lambda *_: None)
    assert not shows(tmp_path)


def shows(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if PLANTED.encode() in path.read_bytes()]


async def test_again_there_is_nothing_to_do(database: SQLiteDatabase, tmp_path: Path) -> None:
    fill(tmp_path, OLD)
    await rekey(database, lambda *_: None)
    before = await database.read(lambda db: db.execute("select content from manifest").fetchall())
    found = await rekey(database, lambda *_: None)
    assert (found.rows, found.failed) == (0, 0)
    after = await database.read(lambda db: db.execute("select content from manifest").fetchall())
    assert after == before


async def test_what_does_not_open_is_passed_over_and_logged(
    database: SQLiteDatabase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, OLD)

    def spoil(db: object) -> None:
        db.execute("update blob set key = 'gone' where id = 2")  # type: ignore[attr-defined]

    await database.write(spoil)
    found = await rekey(database, lambda *_: None)
    assert (found.rows, found.failed) == (6, 1)
    assert await keys(database) == {NEW.id: 6, "gone": 1}
    assert "a row of blob cannot be sealed anew: the encryption key gone is not" in caplog.text
    assert PLANTED not in caplog.text


async def test_without_a_key_nothing_happens(tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path)
    fill(tmp_path)
    assert (await rekey(database, lambda *_: None)).rows == 0
    assert await keys(database) == {None: 7}
    await database.close()
