"""The directory: what it keeps is what the database says, also after it has changed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from entrepot.auth.actor import Actor
from entrepot.auth.directory import Directory
from entrepot.auth.roles import Action
from entrepot.db import accounts, grants, groups, projects
from entrepot.db.accounts import Kind
from entrepot.db.audit import NOBODY, Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.projects import Project
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.oci.names import Repository

ALICE = Actor("user:alice", ("user:alice",))
APP = Repository.parse("team/app")

T = TypeVar("T")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(tmp_path)
    yield database
    await database.close()


async def change(database: SQLiteDatabase, *writes: object) -> None:
    def write(db: Connection) -> None:
        for each in writes:
            each(db)  # type: ignore[operator]
        record_access(db, Event("test", NOBODY))

    await database.write(write)


async def test_it_follows_changes(database: SQLiteDatabase) -> None:
    directory = Directory(database)
    assert not await directory.decide(ALICE, Action.PULL, APP, None)
    assert await directory.project(APP) is None
    await change(
        database,
        lambda db: projects.create(db, Project("team"), "test"),
        lambda db: grants.add(db, "user:alice", "reader", "team/*", "test"),
    )
    assert await directory.decide(ALICE, Action.PULL, APP, None)
    assert await directory.project(APP) is not None
    await change(database, lambda db: grants.remove(db, 1))
    assert not await directory.decide(ALICE, Action.PULL, APP, None)


async def test_it_follows_another_process(database: SQLiteDatabase, tmp_path: Path) -> None:
    directory, elsewhere = Directory(database), SQLiteDatabase(tmp_path)
    assert await directory.public() == []
    await change(elsewhere, lambda db: projects.create(db, Project("open", public=True), "test"))
    assert await directory.public() == ["open"]
    await elsewhere.close()


async def test_what_has_not_changed_is_not_asked_again(database: SQLiteDatabase) -> None:
    directory = Directory(database)
    assert await directory.granted(ALICE) is await directory.granted(ALICE)
    before = directory.renewed
    await change(database)
    directory.follow()
    assert directory.renewed == before + 1


async def test_groups_count(database: SQLiteDatabase) -> None:
    directory = Directory(database)

    def furnish(db: Connection) -> None:
        account = accounts.create(db, Kind.USER, "alice", "test").id
        groups.create(db, "dev", "", "test")
        groups.join(db, "dev", account)
        grants.add(db, "group:dev", "writer", "team/*", "test")

    await change(database, furnish)
    assert await directory.groups(1) == ["dev"]
    member = Actor("user:alice", ("user:alice", "group:dev"))
    assert await directory.holds(member, Action.PUSH, "team/*")
    assert not await directory.holds(ALICE, Action.PUSH, "team/*")


READABLE = [
    ("reader:team/*", None, "", {"team", "team/app", "team/x/y"}),
    ("reader:team/app", None, "", {"team/app"}),
    ("auditor:*", None, "", set()),
    ("", None, "open", {"open/a"}),
    ("admin:*", None, "", {"team", "team/app", "team/x/y", "teams/a", "open/a", "zebra"}),
    ("admin:*", "reader:team/app", "", {"team/app"}),
    ("reader:team/app", "reader:*", "", {"team/app"}),
    ("reader:team/*", "reader:team/x/* reader:zebra", "", {"team/x/y"}),
    ("reader:team/*", "reader:zebra", "open", {"open/a"}),
    ("reader:team/*", "auditor:*", "", set()),
]
EVERY = ["open/a", "team", "team/app", "team/x/y", "teams/a", "zebra"]


@pytest.mark.parametrize(("granted", "limits", "public", "names"), READABLE)
async def test_readable(
    database: SQLiteDatabase, granted: str, limits: str | None, public: str, names: set[str]
) -> None:
    def furnish(db: Connection) -> None:
        for text in granted.split():
            role, _, pattern = text.partition(":")
            grants.add(db, "user:alice", role, pattern, "test")
        if public:
            projects.create(db, Project(public, public=True), "test")

    await change(database, furnish)
    pairs = None
    if limits is not None:
        parts = (text.partition(":") for text in limits.split())
        pairs = tuple((role, pattern) for role, _, pattern in parts)
    ranges = await Directory(database).readable(Actor("user:alice", ("user:alice",), limits=pairs))
    found = {name for name in EVERY if any(first <= name <= last for first, last in ranges)}
    assert found == names


class Slow(SQLiteDatabase):
    """Answers are held up on their way back, as those of a database across a network are."""

    held: asyncio.Event

    async def read(self, query: Callable[[Connection], T]) -> T:
        found = await super().read(query)
        await self.held.wait()
        return found


async def test_what_was_read_while_access_changed_is_not_kept(tmp_path: Path) -> None:
    """The answer is of the time of the question; the next one asks again."""
    database = Slow(tmp_path)
    database.held = asyncio.Event()
    directory = Directory(database)
    waiting = asyncio.create_task(directory.public())
    await asyncio.sleep(0)
    await change(database, lambda db: projects.create(db, Project("open", public=True), "test"))
    directory.follow()
    database.held.set()
    assert await waiting == []
    assert await directory.public() == ["open"]
    await database.close()
