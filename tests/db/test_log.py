"""A process that asked for nothing for long catches up at once, however much others wrote."""

import time
from pathlib import Path

import pytest

from entrepot.db.connection import Connection
from entrepot.db.log import EVERYTHING
from entrepot.db.sqlite import SQLiteDatabase

TAGGED = ("tagged", "team/app")


@pytest.mark.parametrize(
    ("rows", "told"),
    [(2500, [TAGGED] * 2500), (30_000, [*[TAGGED] * 10_000, (EVERYTHING, "")])],
    ids=["some pages", "too many"],
)
async def test_who_was_idle_catches_up(
    tmp_path: Path, rows: int, told: list[tuple[str, str]]
) -> None:
    def write(db: Connection, count: int) -> None:
        db.executemany(
            "insert into change (at, actor, kind, repository, reference, new) "
            "values (?, 'user:a', 'tagged', 'team/app', '1', 'sha256:a')",
            [(time.time(),)] * count,
        )

    ours, theirs = SQLiteDatabase(tmp_path), SQLiteDatabase(tmp_path)
    found: list[tuple[str, str]] = []
    ours.log.subscribe(lambda kind, repository: found.append((kind, repository)))
    await theirs.write(lambda db: write(db, rows), large=True)
    state = ours.log.state
    ours.log.follow()
    assert found == told
    assert ours.log.state == state + len(told)
    found.clear()
    ours.log.follow()
    await theirs.write(lambda db: write(db, 1))
    ours.log.follow()
    assert found == [TAGGED]
    await ours.close()
    await theirs.close()
