"""The copy of the audit: every row arrives in order, whatever happens to the target meanwhile."""

import asyncio
import json
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing
from functools import partial
from pathlib import Path

import pytest
from tests.db.audited import AT, event, fill
from tests.upkeep.running import running
from tests.waiting import auntil

from entrepot.db import audit, engine, entries, jobs
from entrepot.db.connection import Connection
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.upkeep.copy import follow, marker
from entrepot.upkeep.job import Job
from entrepot.upkeep.targets import parse


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(tmp_path / "data")
    yield database
    await database.close()


@pytest.fixture
def db(database: SQLiteDatabase) -> Iterator[Connection]:
    with closing(engine.connect(database.folder)) as db:
        yield db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def append(db: Connection, count: int, first: int = 1) -> None:
    with db.exclusive():  # who reads first is refused what another writes meanwhile
        fill(db, count, first)


def ids(*files: Path) -> list[int]:
    """Those of the lines that can be read."""
    found = []
    for file in files:
        for line in file.read_text().splitlines() if file.exists() else ():
            try:
                found.append(json.loads(line)["id"])
            except ValueError:
                continue
    return found


def content(file: Path) -> str:
    return file.read_text()


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def cut(file: Path) -> None:
    file.write_text('{"id": 1, "ac')


def following(database: SQLiteDatabase, copy: str) -> AbstractAsyncContextManager[object]:
    work = partial(follow, database=database, copy=copy)
    return running(database, Job("audit-copy", work, 1, "Copies."))


async def test_a_database_that_cannot_be_written_to_makes_no_flood(
    database: SQLiteDatabase, db: Connection, file: Path
) -> None:
    """What the target has, and cannot be noted, does not come again twice a second."""
    append(db, 3)
    db.execute(
        "create trigger no before insert on marker when new.name like 'audit copy%' "
        "begin select raise(abort, 'not now'); end"
    )
    async with following(database, f"file:{file}"):
        await auntil(lambda: any("not now" in each.progress.error for each in jobs.every(db)))
        db.execute("drop trigger no")
        await auntil(lambda: audit.marked(db, marker(f"file:{file}"))[0] == 3)
        append(db, 2, 4)
        await auntil(lambda: len(ids(file)) >= 5)
    assert ids(file) == [1, 2, 3, 4, 5]


async def test_rows_that_were_there_and_rows_that_come(
    database: SQLiteDatabase, db: Connection, file: Path
) -> None:
    append(db, 1200)
    async with following(database, f"file:{file}"):
        await auntil(lambda: len(ids(file)) == 1200)
        append(db, 3)
        await auntil(lambda: len(ids(file)) == 1203)
    assert ids(file) == list(range(1, 1204))
    assert mode(file) == 0o640


async def test_a_line_has_all_of_a_row(
    database: SQLiteDatabase, db: Connection, file: Path
) -> None:
    append(db, 1)
    async with following(database, f"file:{file}"):
        await auntil(lambda: ids(file) == [1])
    [row] = entries.following(db, 0, 10)
    assert json.loads(content(file)) == {
        "id": 1,
        "at": "2023-11-14T22:13:21.250000Z",
        "actor": "user:u1",
        "via": "password",
        "address": "10.0.0.1",
        "agent": "docker/29",
        "request": "r1",
        "action": "push",
        "repository": "team/app",
        "reference": "v1",
        "digest": f"sha256:{1:064x}",
        "result": "ok",
        "detail": {"old": "x", "pod": 1},
        "times": 1,
        "hash": row.hash,
    }
    assert row.at == AT + 1


async def test_it_goes_on_where_it_was(
    database: SQLiteDatabase, db: Connection, file: Path
) -> None:
    append(db, 3)
    async with following(database, f"file:{file}"):
        await auntil(lambda: audit.marked(db, marker(f"file:{file}"))[0] == 3)
    append(db, 2)
    async with following(database, f"file:{file}"):
        await auntil(lambda: len(ids(file)) >= 5)
    assert ids(file) == [1, 2, 3, 4, 5]
    assert audit.marked(db, marker(f"file:{file}")) == audit.head(db)


async def test_another_target_gets_all_rows(
    database: SQLiteDatabase, db: Connection, file: Path, tmp_path: Path
) -> None:
    append(db, 3)
    other = tmp_path / "other.jsonl"
    for each in (file, other):
        async with following(database, f"file:{each}"):
            await auntil(lambda each=each: ids(each) == [1, 2, 3])  # type: ignore[misc]


def moved(file: Path) -> Path:
    """As logrotate does it."""
    return file.rename(file.with_suffix(".1"))


def moved_and_made(file: Path) -> Path:
    old = moved(file)
    file.touch()
    return old


def copied_and_emptied(file: Path) -> Path:
    old = file.with_suffix(".1")
    old.write_bytes(file.read_bytes())
    os.truncate(file, 0)
    return old


@pytest.mark.parametrize("rotate", [moved, moved_and_made, copied_and_emptied])
async def test_a_file_may_be_rotated(
    database: SQLiteDatabase, db: Connection, file: Path, rotate: Callable[[Path], Path]
) -> None:
    append(db, 3)
    async with following(database, f"file:{file}"):
        await auntil(lambda: len(ids(file)) == 3)
        old = rotate(file)
        append(db, 2, 4)
        await auntil(lambda: len(ids(file)) == 2)
    assert (ids(old), ids(file)) == ([1, 2, 3], [4, 5])
    assert "\0" not in content(file)


async def test_a_line_that_was_cut_stays_alone(
    database: SQLiteDatabase, db: Connection, file: Path
) -> None:
    cut(file)
    append(db, 2)
    async with following(database, f"file:{file}"):
        await auntil(lambda: ids(file) == [1, 2])
    assert content(file).splitlines()[0] == '{"id": 1, "ac'


async def test_a_target_that_fails_is_told_once_and_tried_until_it_works(
    database: SQLiteDatabase, db: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    file = tmp_path / "later" / "audit.jsonl"
    append(db, 3)
    async with following(database, f"file:{file}"):
        await auntil(lambda: "cannot be copied" in caplog.text)
        await asyncio.sleep(1.2)
        append(db, 1)
        file.parent.mkdir()
        await auntil(lambda: ids(file) == [1, 2, 3, 4])
        await auntil(lambda: len(caplog.messages) == 2)
    assert caplog.messages == [
        (
            f"the audit cannot be copied to file:{file}: [Errno 2] No such file or directory: "
            f"'{file}'; it is tried again"
        ),
        f"the audit is copied to file:{file} again",
    ]


async def test_a_disk_that_is_full_loses_nothing(
    database: SQLiteDatabase, db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    append(db, 3)
    async with following(database, "file:/dev/full"):
        await auntil(lambda: "cannot be copied" in caplog.text)
    assert audit.marked(db, marker("file:/dev/full")) == (0, "")


async def test_a_pipe_that_nobody_reads_holds_up_nothing(
    database: SQLiteDatabase, db: Connection, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(file)
    append(db, 1)
    async with following(database, f"file:{file}"):
        await auntil(lambda: "it is not a regular file" in caplog.text)


async def test_what_goes_wrong_is_shown_with_the_job(
    database: SQLiteDatabase, db: Connection
) -> None:
    append(db, 1)
    async with following(database, "file:/dev/full"):
        await auntil(lambda: ["No space" in job.progress.error for job in jobs.every(db)] == [True])


async def test_of_two_processes_one_copies(
    database: SQLiteDatabase, db: Connection, file: Path
) -> None:
    append(db, 1)
    db.execute(
        "insert into job (name, about, holder, lease_until, next_at) values (?, '', ?, ?, 0)",
        ("audit-copy", "another 1 - - 0", time.time() + 600),
    )
    async with following(database, f"file:{file}"):
        await asyncio.sleep(0.8)
        assert ids(file) == []
        db.execute("update job set lease_until = 0")
        await auntil(lambda: ids(file) == [1])


HEAD = re.compile(r"<(\d+)>1 (\S+) (\S+) entrepot - audit - (.*)")


@pytest.fixture(params=["local", "UDP", "UDP by IPv6"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens, and how the setting names it."""
    if request.param == "local":
        family, address = socket.AF_UNIX, str(tmp_path / "log")
    else:
        family = socket.AF_INET6 if "IPv6" in request.param else socket.AF_INET
        address = ("::1" if "IPv6" in request.param else "127.0.0.1", 0)  # type: ignore[assignment]
    with socket.socket(family, socket.SOCK_DGRAM) as listening:
        listening.bind(address)
        listening.settimeout(60)
        if request.param == "local":
            yield listening, f"syslog:{address}"
        else:
            host, port = listening.getsockname()[:2]
            yield listening, f"syslog:[{host}]:{port}" if ":" in host else f"syslog:{host}:{port}"


async def test_syslog(
    database: SQLiteDatabase, db: Connection, receiver: tuple[socket.socket, str]
) -> None:
    listening, copy = receiver
    audit.append(db, event(1), event(2, result="denied"))
    async with following(database, copy):
        messages = [await asyncio.to_thread(listening.recv, 9000) for _ in range(2)]
    found = [HEAD.fullmatch(message.decode()) for message in messages]
    documents = [json.loads(match[4]) for match in found if match]
    assert [match[1] for match in found if match] == ["110", "108"]
    assert documents == [entry.document() for entry in entries.following(db, 0, 10)]
    assert [match[2] for match in found if match] == [each["at"] for each in documents]


async def test_a_syslog_that_is_not_there_gets_all_when_it_comes(
    database: SQLiteDatabase, db: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    append(db, 3)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        async with following(database, f"syslog:{tmp_path / 'log'}"):
            await auntil(lambda: "cannot be copied" in caplog.text)
            listening.bind(str(tmp_path / "log"))
            listening.settimeout(60)
            messages = [await asyncio.to_thread(listening.recv, 9000) for _ in range(3)]
    assert [HEAD.fullmatch(message.decode()) is not None for message in messages] == [True] * 3


def test_a_message_is_never_larger_than_receivers_take(
    db: Connection, receiver: tuple[socket.socket, str]
) -> None:
    listening, copy = receiver
    audit.append(db, event(1, detail={"why": "x" * 100_000}))
    with closing(parse(copy)) as target:
        target.write(entries.following(db, 0, 1))
    message = listening.recv(100_000).decode()
    assert len(message) < 8000
    match = HEAD.fullmatch(message)
    assert match
    assert json.loads(match[4])["detail"] == {"cut": True}
