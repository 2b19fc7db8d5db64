"""Who waits for changes is woken by those that concern them, whichever process made them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from tests.db.test_postgres import replica

from entrepot.db import changes
from entrepot.db.changes import Change, Kind, Wanted
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.news import News
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.oci.names import Repository


def tagged(repository: str, tag: str = "1") -> Callable[[Connection], None]:
    change = Change(Kind.TAGGED, Repository(repository), tag, new="sha256:a")
    return lambda db: changes.record(db, change)


@pytest.fixture(params=["sqlite", "postgresql"])
async def pair(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Database, Database]]:
    """Two processes over one database."""
    if request.param == "sqlite":
        one, two = SQLiteDatabase(tmp_path), SQLiteDatabase(tmp_path)
        yield one, two
        await one.close()
        await two.close()
        return
    url = request.getfixturevalue("database_url")
    async with replica(url) as first, replica(url) as second:
        yield first, second


async def test_what_another_process_writes_is_heard(pair: tuple[Database, Database]) -> None:
    ours, theirs = pair
    news = News(ours.log)
    with news.watch(lambda _, repository: repository == "team/app") as watch:
        await theirs.write(tagged("team/other"))
        assert not await watch.wait(0.2)
        await theirs.write(tagged("team/app"))
        assert await watch.wait(60)
        assert not await watch.wait(0)


async def test_of_thousands_only_those_wake_whom_it_concerns(
    pair: tuple[Database, Database],
) -> None:
    ours, theirs = pair
    news, woken = News(ours.log), list[int]()

    async def wait(number: int) -> None:
        with news.watch(lambda _, repository: repository == f"team/{number}", "me") as watch:
            if await watch.wait(200):
                woken.append(number)

    tasks = [asyncio.create_task(wait(number)) for number in range(3000)]
    await asyncio.sleep(0)
    assert (news.waiting, news.of("me")) == (3000, 3000)
    await theirs.write(tagged("team/7"))
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert woken == [7]
    for task in tasks[:1000]:
        task.cancel()
    await asyncio.gather(*tasks[:1000], return_exceptions=True)
    assert news.waiting == 2000
    news.close()
    await asyncio.gather(*tasks[1000:])
    assert (news.waiting, news.of("me"), woken) == (0, 0, [7])


async def test_ids_are_in_the_order_of_the_commits(pair: tuple[Database, Database]) -> None:
    """Else a cursor would move past a row that shows up later."""
    ours, theirs = pair
    everything = Wanted((("a", "z"),))
    found: list[int] = []

    async def follow() -> None:
        while len(found) < 200:
            cursor = found[-1] if found else 0
            following = partial(
                changes.following, cursor=cursor, wanted=everything, limit=50, window=50
            )
            rows, _, _ = await ours.read(following)
            found.extend(row.id for row in rows)
            await asyncio.sleep(0)

    async def write(database: Database) -> None:
        for number in range(20):
            await asyncio.gather(*(database.write(tagged("a/b", str(number))) for _ in range(5)))

    async with asyncio.timeout(200):
        await asyncio.gather(follow(), write(ours), write(theirs))
    assert found == sorted(set(found))
    assert len(found) == 200
