"""The chain: every way to alter, delete, move or forge rows shows, and nothing else does."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.db.audited import AT, event, fill

from entrepot.db import audit
from entrepot.db.audit import COLUMNS, START, Link
from entrepot.db.chain import Chain
from entrepot.db.engine import SQLite
from entrepot.db.place import Folder


@pytest.fixture
def db(sqlite: SQLite) -> SQLite:
    """Rows are altered, and counted, as only SQLite lets one."""
    return sqlite


NAMES = COLUMNS.split(", ")
ROWS = 7


@pytest.fixture
def filled(db: SQLite) -> SQLite:
    fill(db, ROWS)
    return db


def faults(folder: Path, trusted: Link | None = None) -> list[str]:
    return list(Chain(Folder(folder).connect_to_read, trusted).faults())


def altered(number: int) -> str:
    return f"row {number} does not follow from the one before: one of the two was altered"


def rechain(db: SQLite, first: int, last: int) -> None:
    """Give rows the hashes that they would have if they had been written so."""
    [before] = db.execute("select hash from audit where id = ?", (first - 1,)).fetchone() or [
        "0" * 64
    ]
    for number in range(first, last + 1):
        row = db.execute(f"select {COLUMNS} from audit where id = ?", (number,)).fetchone()
        before = audit.chained(before, row)
        db.execute("update audit set hash = ? where id = ?", (before, number))


def move(db: SQLite, first: int, by: int) -> None:
    """Move rows from an id on; far off and back, since ids must not meet."""
    db.execute("update audit set id = id + 1000 where id >= ?", (first,))
    db.execute("update audit set id = id - ? where id >= 1000", (1000 - by,))


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 400, 1000])
def test_a_chain_as_written_has_no_faults(db: SQLite, folder: Path, count: int) -> None:
    fill(db, count)
    chain = Chain(Folder(folder).connect_to_read)
    assert list(chain.faults()) == []
    assert chain.rows == count
    assert chain.head == audit.head(db)


VALUES = {"at": 5.5, "times": 77, "detail": '{"old": "y", "pod": 1}'}


@pytest.mark.parametrize("row", [1, 4, ROWS], ids=["first", "middle", "last"])
@pytest.mark.parametrize("column", [*NAMES[1:], "hash"])
def test_an_altered_word_shows(filled: SQLite, folder: Path, column: str, row: int) -> None:
    value = VALUES.get(column, "other")
    filled.execute(f"update audit set {column} = ? where id = ?", (value, row))
    found = faults(folder)
    assert altered(row) in found
    assert found == [altered(row)] + [altered(row + 1)] * (column == "hash" and row < ROWS)


@pytest.mark.parametrize("value", [b"push", b"\xff", b""], ids=["as bytes", "no text", "nothing"])
def test_bytes_in_place_of_words_show(filled: SQLite, folder: Path, value: bytes) -> None:
    filled.execute("update audit set action = ? where id = 3", (value,))
    assert faults(folder) == [altered(3)]
    filled.execute("update audit set action = cast(? as text) where id = 3", (value,))
    assert faults(folder) == [altered(3)] * (value != b"push")


@pytest.mark.parametrize("row", [1, 4, ROWS - 1])
def test_a_row_written_anew_with_its_hash_shows_at_the_next(
    filled: SQLite, folder: Path, row: int
) -> None:
    filled.execute("update audit set actor = 'user:eve' where id = ?", (row,))
    rechain(filled, row, row)
    assert faults(folder) == [altered(row + 1)]


def delete_and_move(db: SQLite) -> None:
    db.execute("delete from audit where id = 3")
    move(db, 4, -1)


def forge(db: SQLite) -> None:
    """A fourth row that goes on from the third, as if it had always been there."""
    move(db, 4, 1)
    copy(db, 3, 4)
    rechain(db, 4, 4)


def copy(db: SQLite, number: int, to: int) -> None:
    words = ", ".join([*NAMES[1:], "hash"])
    db.execute(f"insert into audit select ?, {words} from audit where id = ?", (to, number))


def pretend_retention(db: SQLite) -> None:
    audit.mark(db, START, db.execute("select id, hash from audit where id = 2").fetchone())
    db.execute("delete from audit where id <= 2")


SPOILED: dict[str, tuple[Callable[[SQLite], object], list[str]]] = {
    "first deleted": (
        lambda db: db.execute("delete from audit where id = 1"),
        ["rows 1 to 1 are missing"],
    ),
    "middle deleted": (
        lambda db: db.execute("delete from audit where id between 3 and 4"),
        ["rows 3 to 4 are missing"],
    ),
    "last deleted": (
        lambda db: db.execute("delete from audit where id >= 6"),
        ["rows 6 to 7 are missing"],
    ),
    "all deleted": (lambda db: db.execute("delete from audit"), ["rows 1 to 7 are missing"]),
    "deleted, and the rest moved up": (
        delete_and_move,
        [*map(altered, (3, 4, 5, 6)), "rows 7 to 7 are missing"],
    ),
    "last deleted, and the count set back": (
        lambda db: (
            db.execute("delete from audit where id >= 6"),
            db.execute("update sqlite_sequence set seq = 3"),
        ),
        ["the count of rows was set back to 3"],
    ),
    "the count deleted": (
        lambda db: db.execute("delete from sqlite_sequence"),
        ["the count of rows was set back to 0"],
    ),
    "two exchanged": (
        lambda db: db.executescript(
            "update audit set id = 99 where id = 3; update audit set id = 3 where id = 4;"
            "update audit set id = 4 where id = 99"
        ),
        [*map(altered, (3, 4, 5))],
    ),
    "forged in between": (
        forge,
        [*map(altered, (5, 6, 7, 8)), "the count of rows was set back to 7"],
    ),
    "forged before the first": (
        lambda db: copy(db, 3, -5),
        ["1 rows stand before the first, 1"],
    ),
    "forged at the end": (
        lambda db: db.execute(
            f"insert into audit select 8, {', '.join([*NAMES[1:], 'hash'])} from audit where id = 3"
        ),
        [altered(8)],
    ),
    "a start that retention never set": (
        pretend_retention,
        ["rows up to 2 are missing, or were not taken by retention"],
    ),
}


@pytest.mark.parametrize(("spoil", "said"), SPOILED.values(), ids=SPOILED)
def test_what_was_done_to_rows_shows(
    filled: SQLite,
    folder: Path,
    spoil: Callable[[SQLite], object],
    said: list[str],
) -> None:
    spoil(filled)
    assert faults(folder) == said


def test_after_retention_it_begins_at_the_marker(filled: SQLite, folder: Path) -> None:
    for last in (2, 5):
        audit.expire(filled, AT + 100, last, limit=10)
        assert faults(folder) == []
    fill(filled, 3, 20)
    assert faults(folder) == []


AFTER: dict[str, tuple[str, list[str]]] = {
    "more deleted": ("delete from audit where id <= 4", ["rows 4 to 4 are missing"]),
    "the marker deleted": (
        "delete from marker",
        ["rows 1 to 3 are missing", "rows up to 3 are missing, or were not taken by retention"],
    ),
    "the marker's hash altered": ("update marker set text = 'x'", [altered(4)]),
    "what retention said altered": (
        "update audit set detail = '{}' where action = 'audit expire'",
        [altered(8), "rows up to 3 are missing, or were not taken by retention"],
    ),
    "what retention said made nonsense": (
        "update audit set detail = '[' where action = 'audit expire'",
        [altered(8), "rows up to 3 are missing, or were not taken by retention"],
    ),
}


@pytest.mark.parametrize(("statement", "said"), AFTER.values(), ids=AFTER)
def test_after_retention_too(filled: SQLite, folder: Path, statement: str, said: list[str]) -> None:
    audit.expire(filled, AT + 100, 3, limit=10)
    filled.execute(statement)
    assert faults(folder) == said


def test_a_chain_written_anew_shows_only_by_a_head_that_was_noted(
    filled: SQLite, folder: Path
) -> None:
    noted = audit.head(filled)
    fill(filled, 3, ROWS + 1)
    assert faults(folder, noted) == []
    filled.execute("update audit set actor = 'user:eve' where id = 2")
    rechain(filled, 2, ROWS + 3)
    assert faults(folder) == []
    assert faults(folder, noted) == [
        "row 7 is not the one that was noted: it, or what is before, was altered"
    ]


def test_an_end_cut_off_with_its_count_shows_by_a_noted_head(filled: SQLite, folder: Path) -> None:
    noted = audit.head(filled)
    filled.execute("delete from audit where id > 4")
    filled.execute("update sqlite_sequence set seq = 4")
    assert faults(folder) == []
    assert faults(folder, noted) == ["rows 5 to 7 are missing"]


@pytest.mark.parametrize(
    ("row", "said"),
    [(2, ["row 2, which was noted, has gone by retention: note a newer one"]), (3, []), (4, [])],
    ids=["before the start", "the last that went", "still there"],
)
def test_a_noted_head_and_retention(
    filled: SQLite, folder: Path, row: int, said: list[str]
) -> None:
    noted = filled.execute("select id, hash from audit where id = ?", (row,)).fetchone()
    audit.expire(filled, AT + 100, 3, limit=10)
    assert faults(folder, noted) == said


def test_the_last_row_that_went_is_compared_with_a_noted_head(filled: SQLite, folder: Path) -> None:
    audit.expire(filled, AT + 100, 3, limit=10)
    assert faults(folder, (3, "f" * 64)) == [
        "row 3 is not the one that was noted: it, or what is before, was altered"
    ]


def test_retention_may_overtake_it(db: SQLite, folder: Path) -> None:
    fill(db, 1000)
    db.execute("update audit set actor = 'user:eve' where id = 2")
    walk = Chain(Folder(folder).connect_to_read).faults()
    assert next(walk) == altered(2)
    audit.expire(db, AT + 5000, 700, limit=1000)
    audit.append(db, event(2000))
    assert list(walk) == []
