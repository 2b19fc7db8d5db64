"""The trail: what is the same is counted, what cannot be written is kept, nothing comes twice."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.db.audited import AT, event
from tests.waiting import auntil

from entrepot.auth import trail as trails
from entrepot.auth.actor import Actor
from entrepot.auth.trail import Trail
from entrepot.db import accounts, engine, grants, secrets
from entrepot.db.connection import Connection
from entrepot.db.sqlite import SQLiteDatabase

ANN, BOB = Actor("user:ann", via="password"), Actor("user:bob", via="token t")
POD = Actor("workload:prod", via="token", detail={"pod": "p-1"})
OTHER_POD = Actor("workload:prod", via="token", detail={"pod": "p-2"})
TARGET = b"/v2/team/app/manifests/1"

FAIL = "create trigger fail before insert on audit begin select raise(abort, 'no'); end"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(tmp_path)
    yield database
    await database.close()


@pytest.fixture
async def trail(database: SQLiteDatabase) -> Trail:
    return Trail(database)


@pytest.fixture
def db(database: SQLiteDatabase) -> Iterator[Connection]:
    connection = engine.connect(database.folder)
    yield connection
    connection.close()


def rows(db: Connection, *columns: str) -> list[tuple[object, ...]]:
    return db.execute(f"select {', '.join(columns)} from audit order by id").fetchall()


def pull(trail: Trail, **words: object) -> None:
    given: dict[str, object] = {
        "actor": ANN,
        "address": "10.0.0.1",
        "agent": b"docker",
        "request": "r1",
        "repository": "team/app",
        "target": TARGET,
        "digest": "sha256:aa",
    }
    trail.pulled(**{**given, **words})  # type: ignore[arg-type]


async def test_equal_events_become_one_row_that_counts(trail: Trail, db: Connection) -> None:
    for number in (1, 2):
        trail.note(event(1, times=number, at=AT + number))
    assert rows(db, "id") == []
    await trail.flush()
    assert rows(db, "actor", "action", "at", "times") == [("user:u1", "push", AT + 1, 3)]
    await trail.flush()
    assert len(rows(db, "id")) == 1


BY = event(1).by
OTHERS = {
    "actor": event(1, by=replace(BY, actor="user:x")),
    "via": event(1, by=replace(BY, via="x")),
    "address": event(1, by=replace(BY, address="x")),
    "agent": event(1, by=replace(BY, agent="x")),
    "what is known of the actor": event(1, by=replace(BY, detail={"pod": 2})),
    "action": event(1, action="x"),
    "repository": event(1, repository="x"),
    "reference": event(1, reference="x"),
    "digest": event(1, digest="x"),
    "result": event(1, result="x"),
    "detail": event(1, detail={"why": "x"}),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_events_that_differ_are_rows_each(
    trail: Trail, db: Connection, other: object
) -> None:
    trail.note(event(1))
    trail.note(other)  # type: ignore[arg-type]
    await trail.flush()
    assert rows(db, "times") == [(1,), (1,)]


async def test_another_request_is_no_other_event(trail: Trail, db: Connection) -> None:
    trail.note(event(1))
    trail.note(event(1, by=replace(BY, request="x")))
    await trail.flush()
    assert rows(db, "request", "times") == [("r1", 2)]


async def test_equal_pulls_become_one_row_that_counts(trail: Trail, db: Connection) -> None:
    for number in range(3):
        pull(trail, request=f"r{number}")
    await trail.flush()
    columns = "actor", "via", "address", "agent", "request", "action", "repository", "reference"
    assert rows(db, *columns, "digest", "result", "times") == [
        (
            "user:ann",
            "password",
            "10.0.0.1",
            "docker",
            "r0",
            "pull",
            "team/app",
            "1",
            "sha256:aa",
            "ok",
            3,
        )
    ]


@pytest.mark.parametrize(
    "words",
    [
        {"actor": BOB},
        {"address": "10.0.0.2"},
        {"agent": b"podman"},
        {"target": b"/v2/team/app/manifests/2"},
        {"digest": "sha256:bb"},
    ],
    ids=str,
)
async def test_pulls_that_differ_are_rows_each(
    trail: Trail, db: Connection, words: dict[str, object]
) -> None:
    pull(trail)
    pull(trail, **words)
    await trail.flush()
    assert rows(db, "times") == [(1,), (1,)]


async def test_two_pods_of_one_workload_are_told_apart(trail: Trail, db: Connection) -> None:
    pull(trail, actor=POD)
    pull(trail, actor=OTHER_POD)
    await trail.flush()
    assert rows(db, "detail") == [('{"pod": "p-1"}',), ('{"pod": "p-2"}',)]


@pytest.mark.parametrize(
    ("target", "reference"),
    [
        (b"/v2/team/app/manifests/1?x=/2", "1"),
        (b"/v2/team/app/manifests/sha256:aa", ""),
        (b"/v2/team/app/blobs/sha256:aa", ""),
    ],
)
async def test_the_tag_of_a_pull(
    trail: Trail, db: Connection, target: bytes, reference: str
) -> None:
    pull(trail, target=target)
    await trail.flush()
    assert rows(db, "reference") == [(reference,)]


async def test_rows_come_in_the_order_of_time(trail: Trail, db: Connection) -> None:
    for number in (3, 1, 2):
        trail.note(event(number))
    await trail.flush()
    assert rows(db, "reference") == [("v1",), ("v2",), ("v3",)]


async def test_more_than_a_page(trail: Trail, db: Connection) -> None:
    for number in range(999):
        trail.note(event(number))
    await trail.flush()
    assert rows(db, "reference") == [(f"v{number}",) for number in range(999)]


async def test_what_cannot_be_written_is_kept(trail: Trail, db: Connection) -> None:
    db.execute(FAIL)
    pull(trail)
    trail.note(event(1))
    with pytest.raises(sqlite3.IntegrityError):
        await trail.flush()
    trail.note(event(1))
    db.execute("drop trigger fail")
    await trail.flush()
    assert rows(db, "action", "times") == [("push", 2), ("pull", 1)]


async def test_a_flush_that_is_cancelled_writes_nothing_twice(trail: Trail, db: Connection) -> None:
    for number in range(500):
        trail.note(event(number))
    flushing = asyncio.create_task(trail.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    with suppress(asyncio.CancelledError):
        await flushing
    await trail.close()
    assert sorted(rows(db, "reference")) == sorted((f"v{number}",) for number in range(500))


async def test_beyond_what_can_be_kept_only_the_count_is(trail: Trail, db: Connection) -> None:
    for number in range(trails.MOST + 3):
        pull(trail, digest=f"sha256:{number}")
    trail.note(event(1, times=4))
    pull(trail, digest="sha256:0")
    await trail.flush()
    assert rows(db, "action", "result", "times")[-1] == ("audit overflow", "failed", 7)
    assert rows(db, "sum(times)") == [(trails.MOST + 1 + 7,)]


async def test_many_events_are_written_early(trail: Trail, db: Connection) -> None:
    running = asyncio.create_task(trail.run())
    await asyncio.sleep(0)
    for number in range(trails.EARLY + 1):
        pull(trail, digest=f"sha256:{number}")
    await auntil(lambda: rows(db, "count(*)") == [(trails.EARLY + 1,)])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_it_tells_once_that_it_cannot_write_and_goes_on(
    database: SQLiteDatabase, db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    trail = Trail(database, seconds=0.02)
    db.execute(FAIL)
    trail.note(event(1))
    running = asyncio.create_task(trail.run())

    def told() -> list[logging.LogRecord]:
        return [each for each in caplog.records if "the audit" in each.getMessage()]

    await auntil(told)
    await asyncio.sleep(0.3)  # some more tries
    assert [each.getMessage() for each in told()] == [
        "the audit cannot be written: no; it is tried again"
    ]
    assert not told()[0].exc_info, "where it was raised says nothing more"
    db.execute("drop trigger fail")
    await auntil(lambda: rows(db, "id"))
    assert rows(db, "times") == [(1,)]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_was_used_is_noted(trail: Trail, db: Connection) -> None:
    account = accounts.create(db, accounts.Kind.ROBOT, "ci", "test")
    secret = secrets.add(db, secrets.Kind.ROBOT, account.id, "one", "hash")
    grant = grants.add(db, "robot:ci", "reader", "team/*", "test")
    trail.used(account.id, secret.id, grant.id)
    trail.used(None, None, None)
    await trail.flush()
    found = accounts.by_id(db, account.id), secrets.by_id(db, secret.id), grants.find(db, grant.id)
    seen, used, granted = found
    assert seen is not None
    assert used is not None
    assert granted is not None
    assert seen.seen_at == used.used_at == granted.used_at is not None
