"""Processes that share a job are killed and stopped: another goes on where it was, and no two of
them do it at once.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest
from tests.crash import counting
from tests.waiting import until

from entrepot.db import jobs
from entrepot.db.connection import Connection
from entrepot.db.place import find


@dataclass
class Counting:
    """The processes, and what they have counted."""

    folder: Path
    db: Connection
    url: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "lines"

    def let(self, upto: int) -> None:
        """Have them count to a number, and wait there: so whoever counts does until it is met."""
        new = self.folder / "new"
        new.write_text(f"{upto}")
        new.rename(self.folder / "gate")

    def start(self) -> None:
        command = [sys.executable, counting.__file__, str(self.folder), str(self.file)]
        self.processes.append(subprocess.Popen([*command, *([self.url] if self.url else [])]))

    def lines(self) -> list[tuple[int, int]]:
        """Numbers, and who counted each."""
        text = self.file.read_text() if self.file.exists() else ""
        return [(int(a), int(b)) for a, b in (line.split() for line in text.splitlines())]

    def counter(self, beyond: int) -> subprocess.Popen[bytes]:
        """The process that is counting, once it has come beyond a number."""
        until(lambda: len(self.lines()) > beyond)
        return next(each for each in self.processes if each.pid == self.lines()[-1][1])


@pytest.fixture(params=["sqlite", "postgres"])
def counters(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Counting]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("database_url")
    place = find(tmp_path, url)
    place.prepare()
    with ExitStack() as stack:
        db = stack.enter_context(closing(place.connect()))
        jobs.enlist(db, [("count", "Counts.", None)])
        jobs.ask(db, "count")
        found = Counting(tmp_path, db, url)
        found.let(0)
        yield found
        for process in found.processes:
            process.kill()
            process.wait()


def over(db: Connection) -> bool:
    found = jobs.find(db, "count")
    return found is not None and found.succeeded_at is not None


def reached(db: Connection) -> int:
    found = jobs.find(db, "count")
    return found.progress.done if found else 0


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["killed", "stopped"])
def test_another_goes_on_where_it_was(counters: Counting, end: signal.Signals) -> None:
    for _ in range(2):
        counters.start()
    for beyond in (20, 120):
        counters.let(beyond + 60)
        process = counters.counter(beyond)
        process.send_signal(end)
        process.wait(60)
        counters.processes.remove(process)
        counters.start()
    counters.let(counting.UPTO)
    until(lambda: over(counters.db))
    lines = counters.lines()
    numbers = [number for number, _ in lines]
    assert [number for number, _ in groupby(numbers)] == list(range(counting.UPTO))
    assert len(numbers) <= counting.UPTO + 2, "each end may repeat the number it was at"
    assert len([who for who, _ in groupby(lines, key=lambda line: line[1])]) >= 3


def test_one_that_hangs_is_followed_and_does_no_more(counters: Counting) -> None:
    """As seen by another: its lease has lapsed. When it wakes up it finds that, and stops."""
    for _ in range(2):
        counters.start()
    counters.let(30)
    process = counters.counter(20)
    until(lambda: reached(counters.db) == 30)  # it writes nothing then: it might hang with a lock
    with counters.db.exclusive():
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(0.1)
        counters.db.execute("update job set lease_until = 0")
    counters.let(counting.UPTO)
    until(lambda: counters.lines()[-1][1] != process.pid)
    os.kill(process.pid, signal.SIGCONT)
    until(lambda: over(counters.db))
    followed = [number for number, who in counters.lines() if who != process.pid]
    assert followed == list(range(followed[0], counting.UPTO))
    ours = [number for number, who in counters.lines() if who == process.pid]
    assert ours[-1] <= followed[0] + 1
