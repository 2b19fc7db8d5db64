"""The audit: what is written, and what retention takes."""

import json

import pytest
from tests.db.audited import AT, event, fill

from entrepot.db import audit
from entrepot.db.audit import EXPIRED, START
from entrepot.db.connection import Connection


def ids(db: Connection) -> list[int]:
    return [number for (number,) in db.execute("select id from audit order by id")]


def test_a_row_has_every_word(db: Connection) -> None:
    audit.append(db, event(1))
    row = db.execute("select * from audit").fetchone()
    assert row[:-1] == (
        1,
        AT + 1,
        "user:u1",
        "password",
        "10.0.0.1",
        "docker/29",
        "r1",
        "push",
        "team/app",
        "v1",
        f"sha256:{1:064x}",
        "ok",
        '{"old": "x", "pod": 1}',
        1,
    )
    assert len(row[-1]) == 64


def test_each_row_goes_on_from_the_one_before(db: Connection) -> None:
    fill(db, 3)
    fill(db, 2, 4)
    rows = db.execute("select * from audit order by id").fetchall()
    before = "0" * 64
    for *row, found in rows:
        assert audit.chained(before, tuple(row)) == found
        before = found
    assert audit.head(db) == (5, before)


def test_a_time_that_is_a_whole_number_is_kept_as_it_was_hashed(db: Connection) -> None:
    audit.append(db, event(1, at=5))
    *row, found = db.execute("select * from audit").fetchone()
    assert audit.chained("0" * 64, tuple(row)) == found


def test_ids_are_not_used_twice(db: Connection) -> None:
    fill(db, 2)
    audit.expire(db, AT + 100, last=2, limit=10)
    db.execute("delete from audit")
    fill(db, 1)
    assert ids(db) == [3]


EXPIRY: dict[str, tuple[float, int, int, list[int]]] = {
    "none is old enough": (AT, 9, 9, [1, 2, 3, 4, 5]),
    "the oldest": (AT + 2, 9, 9, [2, 3, 4, 5, 6]),
    "several": (AT + 4, 9, 9, [4, 5, 6]),
    "all": (AT + 99, 9, 9, [6]),
    "a page": (AT + 99, 9, 2, [3, 4, 5, 6]),
    "those before an id": (AT + 99, 3, 9, [4, 5, 6]),
    "none before an id": (AT + 99, 0, 9, [1, 2, 3, 4, 5]),
}


@pytest.mark.parametrize(("before", "last", "limit", "left"), EXPIRY.values(), ids=EXPIRY)
def test_retention_takes_the_oldest_and_says_so(
    db: Connection, before: float, last: int, limit: int, left: list[int]
) -> None:
    fill(db, 5)
    links = dict(db.execute("select id, hash from audit"))
    gone = audit.expire(db, before, last, limit)
    assert ids(db) == left
    assert gone == left[0] - 1
    if not gone:
        assert audit.marked(db, START) == (0, "")
        return
    assert audit.marked(db, START) == (gone, links[gone])
    row = db.execute("select actor, action, times, detail from audit where id = 6").fetchone()
    assert row[:3] == ("entrepot", EXPIRED, gone)
    assert json.loads(row[3]) == {"first": 1, "last": gone, "until": AT + gone}


def test_a_row_waits_for_a_younger_one_before_it(db: Connection) -> None:
    """So a clock that was wrong once does not tear a hole."""
    audit.append(db, event(1), event(50), event(3))
    assert audit.expire(db, AT + 10, last=3, limit=10) == 1
    assert ids(db) == [2, 3, 4]


def test_a_marker_moves(db: Connection) -> None:
    assert audit.marked(db, "copy") == (0, "")
    audit.mark(db, "copy", (1, "a"))
    audit.mark(db, "copy", (2, "b"))
    audit.mark(db, "other", (9, "c"))
    assert audit.marked(db, "copy") == (2, "b")
