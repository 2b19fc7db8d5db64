"""The runner: what is due is done by one, to its end, whatever comes between."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.upkeep.running import running
from tests.waiting import auntil

from entrepot.db import jobs
from entrepot.db.jobs import Standing, State
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.observe import exposition
from entrepot.upkeep import holder
from entrepot.upkeep.job import Job, LeaseLostError, Run
from entrepot.upkeep.runner import delay


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(tmp_path)
    jobs.enlist(database.reader, [("count", "Counts.", 0)])
    yield database
    await database.close()


def standing(database: SQLiteDatabase, name: str = "count") -> Standing:
    found = jobs.find(database.reader, name)
    assert found is not None
    return found


def steal(database: SQLiteDatabase, by: str = "another 1 - - 0", seconds: float = 30) -> None:
    """Another machine has the lease for so long."""
    database.reader.execute(
        "update job set state = 'running', holder = ?, lease_until = ?, next_at = 0",
        (by, time.time() + seconds),
    )


class Counter:
    """A job that counts, and stops at every number until it may go on."""

    def __init__(self, upto: int = 5) -> None:
        self.seen: list[int] = []
        self.may = asyncio.Semaphore(0)
        self.upto = upto

    def job(self, every: float | None = 3600) -> Job:
        return Job("count", self.work, every, "Counts.")

    async def work(self, run: Run) -> None:
        for number in range(int(run.cursor or 0), self.upto):
            await self.may.acquire()
            self.seen.append(number)
            await run.progress(number + 1, self.upto, f"{number} was last", str(number + 1))
            await run.pause()


async def test_what_is_due_runs_to_its_end(database: SQLiteDatabase) -> None:
    counter = Counter()
    async with running(database, counter.job()) as metrics:
        counter.may.release()
        await auntil(lambda: counter.seen == [0] and standing(database).progress.done == 1)
        found = standing(database)
        assert (found.state, found.progress.total) == (State.RUNNING, 5)
        assert (found.progress.note, found.progress.cursor) == ("0 was last", "1")
        for _ in range(4):
            counter.may.release()
        await auntil(lambda: standing(database).state is State.WAITING)
    assert counter.seen == [0, 1, 2, 3, 4]
    assert standing(database).progress.cursor == ""
    assert b'entrepot_job_runs_total{job="count",result="ok"} 1.0' in exposition.text(metrics)


async def test_it_runs_again_when_it_is_time_and_when_somebody_asks(
    database: SQLiteDatabase,
) -> None:
    often, rare, never = (Counter(upto=1) for _ in range(3))
    for each in (often, rare, never):
        each.may = asyncio.Semaphore(100)
    found = [
        Job(name, counter.work, every, "")
        for name, counter, every in (
            ("often", often, 0.05),
            ("rare", rare, 3600),
            ("no", never, None),
        )
    ]
    async with running(database, *found):
        await auntil(lambda: len(often.seen) > 5)
        assert (len(rare.seen), never.seen) == (1, [])
        await database.note(lambda db: [jobs.ask(db, name) for name in ("rare", "no")])
        await auntil(lambda: (len(rare.seen), len(never.seen)) == (2, 1))


async def test_of_two_runners_one_does_it(database: SQLiteDatabase) -> None:
    counters = Counter(), Counter()
    async with running(database, counters[0].job()), running(database, counters[1].job()):
        for each in counters:
            each.may = asyncio.Semaphore(5)
        await auntil(lambda: sum(len(each.seen) for each in counters) == 5)
        await asyncio.sleep(0.1)
    assert sorted(len(each.seen) for each in counters) == [0, 5]


async def test_runners_with_other_jobs_leave_each_others_alone(database: SQLiteDatabase) -> None:
    counters = [Counter(upto=1) for _ in range(2)]
    found = [Job(f"{number}", each.work, 3600, "") for number, each in enumerate(counters)]
    for each in counters:
        each.may = asyncio.Semaphore(9)
    async with running(database, found[0]):
        await auntil(lambda: len(counters[0].seen) == 1)
        await auntil(lambda: standing(database, "0").succeeded_at is not None)
        before = standing(database, "0")
        async with running(database, found[1]):
            await auntil(lambda: len(counters[1].seen) == 1)
            assert standing(database, "0") == before


async def test_who_has_a_job_says_so_again_and_again(database: SQLiteDatabase) -> None:
    async with running(database, Job("rare", Counter().work, None, ""), again=0.0):
        await auntil(lambda: jobs.find(database.reader, "rare") is not None)
        await database.note(
            lambda db: db.execute("update job set lease_until = 0 where name = 'rare'")
        )
        await auntil(lambda: standing(database, "rare").lease_until > 0)


async def test_whoever_stops_hands_back_and_another_goes_on(database: SQLiteDatabase) -> None:
    first, second = Counter(), Counter()
    async with running(database, first.job()):
        first.may.release()
        first.may.release()
        await auntil(lambda: standing(database).progress.cursor == "2")
    found = standing(database)
    assert (found.state, found.holder, found.progress.cursor) == (State.WAITING, "", "2")
    second.may = asyncio.Semaphore(9)
    async with running(database, second.job()):
        await auntil(lambda: second.seen == [2, 3, 4])


async def test_a_lease_that_lapsed_is_taken_over(database: SQLiteDatabase) -> None:
    async with running(database, Counter().job()):
        await auntil(lambda: standing(database).leased(time.time()))
    steal(database)
    counter = Counter(upto=1)
    counter.may.release()
    async with running(database, counter.job()):
        await asyncio.sleep(0.3)
        assert counter.seen == []
        steal(database, seconds=0)
        await auntil(lambda: counter.seen == [0])


def ended() -> str:
    """The name of a holder whose process is over."""
    program = "from entrepot.upkeep import holder; print(holder.here())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return done.stdout.decode().strip()


async def test_a_lease_of_a_process_that_has_ended_is_taken_over_at_once(
    database: SQLiteDatabase,
) -> None:
    async with running(database, Counter().job()):
        await auntil(lambda: standing(database).leased(time.time()))
    steal(database, await asyncio.to_thread(ended), seconds=3600)
    counter = Counter(upto=1)
    counter.may.release()
    async with running(database, counter.job()):
        await auntil(lambda: counter.seen == [0])


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("here", False),
        ("another machine", False),
        ("a process that took its number", True),
        ("no such process", True),
        ("nonsense", False),
        ("unknown", False),
    ],
)
def test_whether_a_holder_is_gone(name: str, gone: bool) -> None:
    host, process, start, machine, number = holder.here().split()
    found = {
        "here": [host, process, start, machine, number],
        "another machine": [host, process, start, "x/1", number],
        "a process that took its number": [host, process, "1", machine, number],
        "no such process": [host, "999999999", start, machine, number],
        "nonsense": ["x"],
        "unknown": [host, process, "-", "-", number],
    }[name]
    assert holder.gone(" ".join(found)) is gone
    assert holder.shown(holder.here()) == f"{host}/{os.getpid()}"


async def test_whoever_lost_the_lease_stops(database: SQLiteDatabase) -> None:
    """Both where it says how far it is, and where it says nothing for long."""
    loud, quiet = asyncio.Event(), asyncio.Event()
    told: list[str] = []

    async def says(run: Run) -> None:
        await loud.wait()
        try:
            await run.progress(1)
        except LeaseLostError:
            told.append("loud")
            raise

    async def is_quiet(run: Run) -> None:
        run.report(done=1)
        try:
            await quiet.wait()
        except asyncio.CancelledError:
            told.append("quiet")
            raise

    found = [Job("loud", says, 3600, ""), Job("quiet", is_quiet, 3600, "")]
    async with running(database, *found) as metrics:
        await auntil(lambda: [x.state for x in jobs.every(database.reader)][1:] == ["running"] * 2)
        steal(database)
        loud.set()
        await auntil(lambda: told == ["loud", "quiet"])
        await asyncio.sleep(0.1)
        assert {each.holder.split()[0] for each in jobs.every(database.reader)} == {"another"}
    for name in told:
        assert f'job="{name}",result="lost"'.encode() in exposition.text(metrics)


async def test_what_fails_is_shown_and_tried_again_from_its_cursor(
    database: SQLiteDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    began: list[str] = []

    async def work(run: Run) -> None:
        began.append(run.cursor)
        await run.progress(1, cursor="1")
        if len(began) < 4:
            raise OSError("https://me:secret@store.test is full")

    async with running(database, Job("count", work, 0.01, "")) as metrics:
        await auntil(lambda: standing(database).failures >= 2)
        assert standing(database).progress.error == "https://REDACTED@store.test is full"
        await auntil(lambda: standing(database).succeeded_at is not None)
    assert began[:4] == ["", "1", "1", "1"]
    assert began[4:5] in ([], [""])
    assert standing(database).progress.error == ""
    assert caplog.messages == [
        "job count failed: https://REDACTED@store.test is full; it is tried again",
        "job count works again",
    ]
    assert b'job="count",result="failed"} 3.0' in exposition.text(metrics)


async def test_what_worked_for_long_before_it_failed_is_tried_again_soon(
    database: SQLiteDatabase, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that follows the log never ends well: its failures of months are not in a row."""
    monkeypatch.setattr("entrepot.upkeep.runner._LATEST", 0.0)
    times = 0

    async def work(_: Run) -> None:
        nonlocal times
        times += 1
        raise OSError("it is full")

    async with running(database, Job("count", work, 0.01, "")):
        await auntil(lambda: times > 3)
    assert standing(database).failures == 1
    assert caplog.messages[:3] == ["job count failed: it is full; it is tried again"] * 3


async def test_a_database_that_fails_ends_nothing(
    database: SQLiteDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    counter = Counter()
    counter.may = asyncio.Semaphore(99)
    database.reader.execute("alter table job rename to away")
    async with running(database, counter.job()):
        await auntil(lambda: "jobs cannot be looked for" in caplog.text)
        database.reader.execute("alter table away rename to job")
        await auntil(lambda: counter.seen == [0, 1, 2, 3, 4])
    [told] = [each for each in caplog.records if "looked for" in each.getMessage()]
    assert told.getMessage().endswith("no such table: job; it is tried again")
    assert told.exc_info is None, "a traceback says nothing more of a database"


@pytest.mark.parametrize(
    ("every", "delays"),
    [
        (0.05, [0.05, 0.1, 0.2, 0.4]),
        (60, [10, 20, 40, 80, 160, 320, 600, 600]),
        (None, [10, 20, 40]),
        (86400, [10, 20]),
    ],
)
def test_it_is_tried_later_and_later(every: float | None, delays: list[float]) -> None:
    assert [delay(every, failures) for failures in range(1, len(delays) + 1)] == delays
    assert delay(every, 10_000) == 600


DAY, TWO, THREE = 86400, 7200, 10800


@pytest.mark.parametrize(
    ("at", "began", "wanted"),
    [
        ((TWO,), 0, TWO),
        ((TWO,), TWO, DAY + TWO),
        ((TWO,), DAY - 1, DAY + TWO),
        ((THREE, TWO), TWO + 1, THREE),
        ((THREE, TWO), THREE, DAY + TWO),
        ((0,), DAY, 2 * DAY),
        ((), 0, None),
    ],
)
def test_times_of_day(at: tuple[int, ...], began: int, wanted: int | None) -> None:
    assert Job("count", Counter().work, DAY, "", at).next_at(20_000 * DAY + began) == (
        None if wanted is None else 20_000 * DAY + wanted
    )
