"""PostgreSQL as several replicas share it: who hears of what, and what a cut connection costs."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from tests.postgres import Postgres, running
from tests.waiting import auntil

from entrepot.db import changes
from entrepot.db.changes import Change, Kind
from entrepot.db.connection import Connection, UnavailableError
from entrepot.db.log import EVERYTHING
from entrepot.db.postgres.connection import translated
from entrepot.db.postgres.database import READERS, PostgresDatabase
from entrepot.db.postgres.log import PATIENCE, HeardLog
from entrepot.db.postgres.server import Server
from entrepot.oci.names import Repository

APP = Repository.parse("team/app")
HEARD = {("tagged", "team/app"), (EVERYTHING, "")}
"""That a tag has moved, or whatever else: so it is told on a machine that stood still."""


@asynccontextmanager
async def replica(url: str) -> AsyncIterator[PostgresDatabase]:
    """What one process holds, once it hears of changes."""
    found = PostgresDatabase(Server(url))
    try:
        await auntil(lambda: found.log.current)
        yield found
    finally:
        await found.close()


@pytest.fixture
async def one(database_url: str) -> AsyncIterator[PostgresDatabase]:
    async with replica(database_url) as found:
        yield found


def change(db: Connection) -> None:
    changes.record(db, Change(Kind.TAGGED, APP, "1", new="sha256:a"))


def heard_by(database: PostgresDatabase) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    database.log.subscribe(lambda kind, repository: found.append((kind, repository)))
    return found


def cut(url: str, name: str) -> None:
    """End all connections of a database but the one that says so."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid() and query like %s",
            (name,),
        )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("select 1 from x where a = ? and b = ?", "select 1 from x where a = %s and b = %s"),
        ("select :name, :name || '/'", "select %(name)s, %(name)s || '/'"),
        ("select x::text, ':' from y", "select x::text, ':' from y"),
    ],
)
def test_placeholders(ours: str, theirs: str) -> None:
    assert translated(ours) == theirs


async def test_who_was_told_of_a_change_finds_it_known_to_all(
    one: PostgresDatabase, database_url: str
) -> None:
    async with replica(database_url) as two, replica(database_url) as three:
        lists = [heard_by(each) for each in (one, two, three)]
        for _ in range(20):
            for told in lists:
                told.clear()
            await one.write(change)
            for each in (one, two, three):
                each.log.follow()
            assert all(HEARD & {*told} for told in lists)


async def test_what_others_write_does_not_pile_up_where_nobody_asks(
    one: PostgresDatabase, database_url: str
) -> None:
    async with replica(database_url) as two:
        told = heard_by(two)
        for _ in range(3):
            await one.write(change)
        await auntil(lambda: told.count(("tagged", "team/app")) >= 3)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
async def test_whatever_isolation_the_database_has_by_itself(
    one: PostgresDatabase, database_url: str, level: str
) -> None:
    """Whoever waited for the lock of writes sees what was written meanwhile."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(database_url, autocommit=True) as db:
        db.execute(f"alter database \"{name}\" set default_transaction_isolation to '{level}'")
    async with replica(database_url) as two, replica(database_url) as three:
        before = await one.read(changes.newest)
        await asyncio.gather(*(each.write(change) for _ in range(10) for each in (two, three)))
        for each in (two, three):
            assert await each.read(changes.newest) == before + 20


async def test_a_peer_that_was_killed_holds_changes_up_once(
    one: PostgresDatabase, database_url: str
) -> None:
    code = (
        "import asyncio, sys\n"
        "from entrepot.db.postgres.database import PostgresDatabase\n"
        "from entrepot.db.postgres.server import Server\n"
        "async def main():\n"
        "    found = PostgresDatabase(Server(sys.argv[1]))\n"
        "    while not found.log.current: await asyncio.sleep(0.01)\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", code, database_url]
    with await asyncio.to_thread(
        lambda: subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    ) as other:
        assert other.stdout is not None
        assert await asyncio.to_thread(other.stdout.readline) == "ready\n"
        await auntil(lambda: one._writer._peers._known)
        await one.write(change)
        os.kill(other.pid, signal.SIGSTOP)
        try:
            peers = one._writer._peers
            assert peers._known
            await one.write(change)
            assert not peers._known, "who is not waited for any more"
            await one.write(change)
        finally:
            other.kill()


async def test_while_nothing_is_heard_nothing_is_current(one: PostgresDatabase) -> None:
    told = heard_by(one)
    state = one.log.state
    server = one._server
    connect = Server.connect

    def refuse(self: Server, *_: object) -> object:
        raise UnavailableError("cut")

    try:
        Server.connect = refuse  # type: ignore[method-assign, assignment]
        async with asyncio.timeout(60):
            while one.log.current:  # it may ask something else right now
                await asyncio.to_thread(cut, server.url, "%pg_notify%")
                await asyncio.sleep(0.1)
    finally:
        Server.connect = connect  # type: ignore[method-assign]
    assert (EVERYTHING, "") in told
    assert one.log.state > state
    await auntil(lambda: one.log.current)


async def test_a_write_whose_connection_is_cut_fails_and_the_next_one_works(
    one: PostgresDatabase,
) -> None:
    url = one._server.url

    def cut_off(db: Connection) -> None:
        change(db)
        cut(url, "%savepoint%")
        cut(url, "%insert into%")
        db.execute("select 1")

    before = await one.read(changes.newest)
    with pytest.raises(UnavailableError):
        await one.write(cut_off)
    assert await one.read(changes.newest) == before
    await one.write(change)
    assert await one.read(changes.newest) > before


async def test_a_writer_that_was_idle_and_cut_does_not_fail(one: PostgresDatabase) -> None:
    await one.write(change)
    await asyncio.to_thread(cut, one._server.url, "commit")
    await one.write(change)


async def test_reads_survive_a_restart_of_the_server() -> None:
    with running() as own:
        url = own.new()
        async with replica(url) as found:
            assert await found.read(changes.newest) == 0
            await asyncio.to_thread(own.ctl, "restart", "-m", "immediate")
            assert await found.read(changes.newest) == 0
            await found.write(change)


async def test_reads_survive_a_restart_however_many_connections_were_cut() -> None:
    with running() as own:
        async with replica(own.new()) as found:
            together = threading.Barrier(READERS)

            def meet(db: Connection) -> None:
                db.execute("select 1")
                together.wait(60)

            await asyncio.gather(*(found.read(meet) for _ in range(READERS)))
            await asyncio.to_thread(own.ctl, "restart", "-m", "immediate")
            for _ in range(READERS):
                assert await found.read(changes.newest) == 0


async def test_one_that_fails_takes_no_other_with_it(one: PostgresDatabase) -> None:
    def fail(db: Connection) -> None:
        change(db)
        db.execute("insert into repository (name, created_at) values ('twice', 0)")
        db.execute("insert into repository (name, created_at) values ('twice', 0)")

    answers = await asyncio.gather(
        one.write(change), one.write(fail), one.write(change), return_exceptions=True
    )
    assert isinstance(answers[1], sqlite3.IntegrityError)
    assert answers[0] is answers[2] is None
    assert await one.read(changes.newest) >= 2
    assert await one.read(lambda db: db.execute("select count(*) from repository").fetchone()) == (
        0,
    )


async def test_audit_ids_have_no_gaps_whoever_writes(
    one: PostgresDatabase, database_url: str
) -> None:
    def fail(db: Connection) -> None:
        change(db)
        raise LookupError

    async with replica(database_url) as two:
        jobs = [(one, two)[n % 2].write(fail if n % 5 == 0 else change) for n in range(100)]
        await asyncio.gather(*jobs, return_exceptions=True)
    ids = await one.read(lambda db: [n for (n,) in db.execute("select id from audit order by id")])
    assert ids == list(range(1, 81))


async def test_a_process_that_hangs_with_the_lock_loses_it(
    one: PostgresDatabase, postgres: Postgres
) -> None:
    with psycopg.connect(one._server.url, **one._server.parameters()) as hanging:
        hanging.execute("select pg_advisory_xact_lock(1701737586)")
        await one.write(change)
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            hanging.execute("select 1")


def test_what_is_away_is_said_without_the_password() -> None:
    server = Server("postgresql://entrepot:sesame@127.0.0.1:1/registry")
    with pytest.raises(UnavailableError) as away:
        server.prepare()
    for text in (str(away.value), str(server), repr(server)):
        assert "sesame" not in text
    assert str(server) == "postgresql://127.0.0.1:1/registry"


async def test_no_text_has_a_nul(one: PostgresDatabase) -> None:
    def ask(db: Connection) -> object:
        return db.execute("select 1 from account where name = ?", ("a\0b",)).fetchone()

    assert await one.read(ask) is None


def test_who_stood_still_trusts_nothing_of_before() -> None:
    """The others have gone on without it, and requests may come before any watchdog does."""
    log, told = HeardLog(), list[str]()
    log.subscribe(lambda kind, _: told.append(kind))
    log.asked_at = time.monotonic() + 3600
    log.regain()
    told.clear()
    log.follow()
    assert (log.current, told) == (True, [])
    log.asked_at = time.monotonic() - PATIENCE
    log.follow()
    assert (log.current, told) == (False, [EVERYTHING])


def test_a_read_that_began_before_changes_were_heard_of_is_not_kept() -> None:
    log = HeardLog()
    for wait in (log.regain, log.lose, log.regain):
        before = log.state
        wait()
        assert log.state > before
