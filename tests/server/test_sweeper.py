"""Whoever is cut off has had their time: what a server has slept through is not theirs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from entrepot.server.sweeper import Sweeper


class Clock:
    """A loop's, which goes on when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.next: Callable[[], None] = lambda: None

    def time(self) -> float:
        return self.now

    def call_later(self, _seconds: float, act: Callable[[], None]) -> None:
        self.next = act

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.next()


@dataclass(eq=False)
class Connection:
    """One that notes when it is looked at."""

    swept: list[float] = field(default_factory=list)

    def sweep(self, now: float) -> None:
        self.swept.append(now)


def watched(clock: Clock) -> Connection:
    connection = Connection()
    Sweeper(cast("asyncio.AbstractEventLoop", clock), 0.5).watch(connection)
    return connection


def test_nobody_is_swept_away_by_a_server_that_stood_still() -> None:
    clock = Clock()
    connection = watched(clock)
    for seconds in (0.5, 60, 0.25):
        clock.passes(seconds)
    assert connection.swept == [0.5, 60.75]


def test_a_server_that_is_always_late_sweeps_all_the_same() -> None:
    clock = Clock()
    connection = watched(clock)
    for _ in range(4):
        clock.passes(5)
    assert connection.swept == [10, 20]
