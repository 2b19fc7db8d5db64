"""Who follows the log for weeks costs no more than who has just begun."""

import asyncio
import gc
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from tests.waiting import auntil

from entrepot.admin.caller import Caller
from entrepot.admin.follower import Follower
from entrepot.db.changes import Row
from entrepot.db.news import News, Watch
from entrepot.db.sqlite import SQLiteDatabase


class Quiet(Follower):
    """One for whom nothing comes."""

    async def look(self, cursor: int) -> tuple[list[Row], int, bool]:
        return [], cursor, True


async def test_a_stream_that_waits_again_and_again_keeps_nothing(tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path / "data")
    registry = SimpleNamespace(news=News(database.log), most_in_flight=0)
    who = SimpleNamespace(registry=registry, actor=SimpleNamespace(subject="user:alice"))
    follower = Quiet(cast("Caller", who), None, frozenset(), 100)
    gone = asyncio.create_task(asyncio.Event().wait())
    for _ in range(50):
        await follower.wait(7, 0.001, cast("asyncio.Task[None]", gone))
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, Watch)]
    assert sum(each._news is registry.news for each in kept) < 5  # others are of other servers

    waiting = asyncio.create_task(follower.wait(7, 60, cast("asyncio.Task[None]", gone)))
    await auntil(lambda: registry.news.waiting == 1)
    gone.cancel()
    assert await asyncio.wait_for(waiting, 60) == ([], 7)
    await database.close()
