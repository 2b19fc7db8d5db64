"""What replication costs a fleet: `python -m benchmarks.replications [TAGS] [REPOSITORIES]`.

Small images in many repositories are copied to a second Entrepot, by a rule that pushes: all of
them first, then single changes while nothing else happens, then everything is compared once more.
The clock counts until the other registry serves what is to be there; CPU is that of each process.
"""

import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from tests.content import put_image
from tests.registry import Registry, serving
from tests.upkeep.replication.conftest import found, rule, standing, tell

from entrepot.db import place, replications

from .process import cpu_seconds

TAGS, REPOSITORIES = 500, 10
"""A small fleet, for a look; docs/replication.md has the figures of 10,000 tags in 100."""
LAYER = 1024
"""Bytes of the one layer of each image."""
CLIENTS = 4
CHANGES = 30
IDLE = 20.0
"""Seconds of nothing."""
NAME = "fleet"
SETTINGS: dict[str, Any] = {"outbound_allow": "127.0.0.0/8"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a stretch: seconds by the clock, and of CPU at the source and at the target."""

    wall: float
    near: float
    far: float


class Clock:
    """Begun when it is made."""

    def __init__(self, near: Registry, far: Registry) -> None:
        self._near, self._far = near, far
        self._began = self._now()

    def cost(self) -> Cost:
        return Cost(*(now - then for now, then in zip(self._now(), self._began, strict=True)))

    def _now(self) -> tuple[float, float, float]:
        return time.perf_counter(), cpu_seconds(self._near.pid), cpu_seconds(self._far.pid)


def fill(near: Registry, tags: int, repositories: int) -> None:
    """Push the fleet."""

    def some(client: int) -> None:
        with httpx.Client(base_url=near.url, timeout=60) as http:
            for number in range(client, tags, CLIENTS):
                put_image(
                    http, f"team/app-{number % repositories}", f"1.{number}", os.urandom(LAYER)
                )

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(some, range(CLIENTS)))


def first_copy(near: Registry, far: Registry) -> Cost:
    """From the rule to the last tag."""
    clock = Clock(near, far)
    rule(near.data, NAME, far.url)
    _settle(near)
    return clock.cost()


def changes(near: Registry, far: Registry) -> list[float]:
    """Seconds from the answer to a push until the other registry has it, one after the other."""
    taken = []
    with httpx.Client(base_url=near.url) as here, httpx.Client(base_url=far.url) as there:
        for number in range(CHANGES):
            pushed = put_image(here, "team/app-0", f"2.{number}", os.urandom(LAYER))
            begin = time.perf_counter()
            while there.head(f"/v2/team/app-0/manifests/{pushed}").status_code != 200:
                time.sleep(0.002)
            taken.append(time.perf_counter() - begin)
    return taken


def whole_compare(near: Registry, far: Registry) -> Cost:
    """All of it, where nothing differs."""
    clock, asked = Clock(near, far), time.time()
    with closing(place.find(near.data, "").connect()) as db, db.exclusive():
        replications.ask(db, NAME, asked)
    tell(near.data)
    while (found(near.data, NAME).compared_at or 0) < asked:
        time.sleep(0.2)
    return clock.cost()


def idle(near: Registry, far: Registry) -> Cost:
    """Nothing at all, for a while."""
    clock = Clock(near, far)
    time.sleep(IDLE)
    return clock.cost()


def _settle(near: Registry) -> None:
    while not found(near.data, NAME).compared_at or standing(near.data, NAME).waiting:
        time.sleep(0.2)


def main() -> None:
    """Measure, and print a table."""
    console = Console(highlight=False)
    given = [int(each) for each in sys.argv[1:3]]
    tags, repositories = (*given, *(TAGS, REPOSITORIES)[len(given) :])
    folder = Path(tempfile.mkdtemp(prefix="entrepot-replications-"))
    try:
        with (
            serving(folder / "near", **SETTINGS) as near,
            serving(folder / "far", **SETTINGS) as far,
        ):
            fill(near, tags, repositories)
            table = Table("", "by the clock", "CPU here", "CPU there", box=None)
            _row(table, f"first copy of {tags:,} tags in {repositories}", first_copy(near, far))
            taken = sorted(changes(near, far))
            _row(table, "compare of all", whole_compare(near, far))
            _row(table, f"{IDLE:g} s of nothing", idle(near, far))
            middle, worst = taken[len(taken) // 2], taken[-1]
            console.print(table)
            console.print(
                f"a change: {middle * 1e3:.0f} ms in the middle, {worst * 1e3:.0f} at most"
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _row(table: Table, what: str, cost: Cost) -> None:
    table.add_row(what, *(f"{each:.1f} s" for each in (cost.wall, cost.near, cost.far)))


if __name__ == "__main__":
    main()
