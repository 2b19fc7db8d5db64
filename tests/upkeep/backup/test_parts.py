"""A table's parts: what is the same is taken over, whatever happens to the rows is seen."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryFile
from typing import Any

import pytest

from entrepot.db import engine, tables
from entrepot.db.connection import Connection
from entrepot.db.postgres.server import Server
from entrepot.db.stretches import WRITTEN_ONCE
from entrepot.upkeep.backup import parts
from entrepot.upkeep.backup.document import Part, Rows
from entrepot.upkeep.backup.parts import Parts
from entrepot.upkeep.backup.spool import Spool

SOURCE = Path(engine.__file__).parents[1]
TABLES = {table.name: table for table in tables.tables()}
COUNT = 5_400


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    if request.param == "sqlite":
        engine.prepare(tmp_path)
        with closing(engine.connect(tmp_path)) as found:
            yield found
        return
    server = Server(request.getfixturevalue("database_url"))
    server.prepare()
    with closing(server.connect()) as remote:
        yield remote


def fill(db: Connection) -> None:
    """Rows of a table that changes, of two keys, and of one that does not."""
    with db.exclusive():
        db.execute("insert into repository (id, name, created_at) values (1, 'a', 0), (2, 'b', 0)")
        add_tags(db, range(COUNT))
        add_blobs(db, range(1, COUNT))


def add_tags(db: Connection, numbers: range) -> None:
    db.executemany(
        "insert into tag (repository, name, digest, moved_at) values (?, ?, 'x', 0.25)",
        [(1 + number % 2, f"{number:06}") for number in numbers],
    )


def add_blobs(db: Connection, numbers: range, at: float = 0.5) -> None:
    db.executemany(
        "insert into blob (id, digest, size, content, created_at) values (?, ?, 1, ?, ?)",
        [(number, f"sha256:{number:064}-{at}", b"x", at) for number in numbers],
    )


class Files:
    """The parts that were written, as lines."""

    def __init__(self) -> None:
        self.lines: dict[str, list[Any]] = {}

    def put(self, name: str, strides: Any, size: int) -> None:
        content = b"".join(strides)
        assert len(content) == size
        self.lines[name] = [json.loads(line) for line in content.splitlines()]

    def of(self, made: Rows) -> list[Any]:
        return [row for part in made.parts for row in self.lines[part.name]]


def write(db: Connection, files: Files, table: str, before: tuple[Part, ...] = ()) -> Rows:
    with TemporaryFile() as out:
        spool = Spool(out)
        made = Parts(db, spool, lambda _: None, named=True).of(TABLES[table], before)
        spool.send(files, "x", lambda _: None)  # type: ignore[arg-type]
    return made


def run(*statements: str) -> Callable[[Connection], None]:
    def change(db: Connection) -> None:
        for statement in statements:
            db.execute(statement)

    return change


TAGS: dict[str, tuple[Callable[[Connection], None], int]] = {
    "nothing": (run(), 0),
    "one moves": (run("update tag set digest = 'y' where name = '002000'"), 1),
    "one goes": (run("delete from tag where name = '002000'"), 1),
    "the first part goes": (run("delete from tag where repository = 1 and name < '002000'"), 0),
    "nearly all of it goes": (run("delete from tag where repository = 1 and name < '001990'"), 1),
    "all go": (run("delete from tag"), 0),
    "some come behind": (
        run("insert into tag (repository, name, digest, moved_at) values (2, 'z', 'x', 0)"),
        1,
    ),
    "some come before": (
        run("insert into tag (repository, name, digest, moved_at) values (1, '/', 'x', 0)"),
        1,
    ),
    "many come in the midst": (lambda db: add_tags(db, range(COUNT, 3 * COUNT)), 13),
}


@pytest.mark.parametrize("name", TAGS)
def test_only_what_changed_is_written(db: Connection, name: str) -> None:
    change, most = TAGS[name]
    fill(db)
    files = Files()
    first = write(db, files, "tag")
    assert [part.rows for part in first.parts] == [1000] * 5 + [400]
    written = set(files.lines)
    with db.exclusive():
        change(db)
    second = write(db, files, "tag", first.parts)
    assert files.of(second) == rows(db, "tag", "repository, name")
    assert second.rows == len(files.of(second))
    assert len(set(files.lines) - written) <= most
    assert all(part.rows <= 1500 for part in second.parts)


def renumber(db: Connection) -> None:
    db.execute("delete from blob where id > 2500")
    add_blobs(db, range(2501, COUNT), at=0.75)


BLOBS: dict[str, Callable[[Connection], None]] = {
    "nothing": run(),
    "one in the midst goes": run("delete from blob where id = 1500"),
    "the last of a part goes": run("delete from blob where id = 2000"),
    "numbers are given anew": renumber,
    "some come": lambda db: add_blobs(db, range(COUNT, COUNT + 300)),
}


@pytest.mark.parametrize("name", BLOBS)
def test_rows_that_never_change_are_only_counted(db: Connection, name: str) -> None:
    fill(db)
    files = Files()
    first = write(db, files, "blob")
    with db.exclusive():
        BLOBS[name](db)
    second = write(db, files, "blob", first.parts)
    assert files.of(second) == rows(db, "blob", "id")
    assert sum(part.content for part in second.parts) == second.rows


@pytest.mark.parametrize("left", [1, 249, 250])
@pytest.mark.parametrize("come", [0, 1, 300])
def test_what_comes_behind_a_small_part_is_written(db: Connection, left: int, come: int) -> None:
    """Which is taken up by what comes; with the part before it all is well."""
    end, files = 1001 + left, Files()
    with db.exclusive():
        add_blobs(db, range(1, end))
    first = write(db, files, "blob")
    assert [part.rows for part in first.parts] == [1000, left]
    with db.exclusive():
        add_blobs(db, range(end, end + come))
    second = write(db, files, "blob", first.parts)
    assert files.of(second) == rows(db, "blob", "id")
    assert sum(part.content for part in second.parts) == second.rows == 1000 + left + come


@pytest.mark.parametrize("gone", [1, 2])
def test_what_goes_from_a_small_part_goes(db: Connection, gone: int) -> None:
    files = Files()
    with db.exclusive():
        add_blobs(db, range(1, 1003))
    first = write(db, files, "blob")
    with db.exclusive():
        db.execute("delete from blob where id > ?", (1002 - gone,))
    second = write(db, files, "blob", first.parts)
    assert files.of(second) == rows(db, "blob", "id")


def test_whatever_is_thought_of_what_was_the_count_of_rows_decides(
    db: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault in telling what is the same must cost time, and no rows."""
    fill(db)
    files = Files()
    first = write(db, files, "blob")
    assert not caplog.messages
    db.execute("delete from blob where id = 1500")
    monkeypatch.setattr(parts, "_is_whole", lambda *_: True)
    second = write(db, files, "blob", first.parts)
    assert files.of(second) == rows(db, "blob", "id")
    [told] = caplog.messages
    assert "the parts of blob have 5399 rows, the table 5398: it is written anew" in told


def test_what_happens_often_leaves_no_crumbs(db: Connection) -> None:
    fill(db)
    files, random, before = Files(), Random(1), Rows(0, 0)
    for turn in range(6):
        before = write(db, files, "tag", before.parts)
        with db.exclusive():
            for _ in range(60):
                db.execute("delete from tag where name = ?", (f"{random.randrange(COUNT):06}",))
            add_tags(db, range(COUNT * (turn + 1), COUNT * (turn + 1) + 90))
    assert len(before.parts) < 3 * before.rows / parts._ROWS


def rows(db: Connection, table: str, order: str) -> list[Any]:
    columns = [
        name
        for name in TABLES[table].columns
        if table != "blob" or name not in ("content", "key", "object")
    ]
    found = db.execute(f"select {', '.join(columns)} from {table} order by {order}").fetchall()
    return [dict(zip(columns, row, strict=True)) for row in found]


def test_what_is_only_counted_is_never_changed() -> None:
    """But where content lies, which is not among the columns that a backup has."""
    allowed = {"content", "key", "object"}
    for file in SOURCE.rglob("*.py"):
        text = re.sub(r'"\s*\n\s*f?"', "", file.read_text())
        for table, columns in re.findall(r"update (\w+) set (.*?)(?: where|\")", text):
            if table in WRITTEN_ONCE:
                assert set(re.findall(r"(\w+) = ", columns)) <= allowed, (file, columns)
