"""Who works: one at a time, and the next one soon.

The API server is a lease in memory here, and time stands still until a test turns it on; the real
one is in tests/cluster.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from entrepot.kube.controller import lease
from entrepot.kube.controller.cluster import Cluster, ClusterError
from entrepot.kube.controller.lease import LASTS, Leadership

WORKS = lease._WORKS
STEP = 0.5


class Clock:
    """What `time` is to a controller."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    async def passes(self, seconds: float) -> None:
        self.now += seconds
        await settled()


class Server:
    """One lease, and its version."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self._version = 0

    @property
    def spec(self) -> dict[str, Any]:
        assert self.lease is not None
        spec: dict[str, Any] = self.lease["spec"]
        return spec

    def write(self, document: dict[str, Any]) -> None:
        stands = self.lease and self.lease["metadata"]["resourceVersion"]
        if document["metadata"].get("resourceVersion") != stands:
            raise ClusterError("the object has been modified", 409)
        self._version += 1
        self.lease = copy.deepcopy(document)
        self.lease["metadata"]["resourceVersion"] = str(self._version)


class Reach(Cluster):
    """The way of one controller to the server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.away = False
        self.stale: Any = ()
        """What it reads in place of what is there; nothing else where empty."""

    async def find(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        assert (kind, namespace, name) == ("Lease", "entrepot", "controller")
        self._check()
        found: dict[str, Any] | None = self._server.lease if self.stale == () else self.stale
        return copy.deepcopy(found)

    async def replace(self, kind: str, document: dict[str, Any]) -> None:
        assert kind == "Lease"
        self._check()
        self._server.write(document)

    def _check(self) -> None:
        if self.away:
            raise ClusterError("reading: the connection was refused")


class Contender:
    """One controller that would work."""

    def __init__(self, server: Server, identity: str) -> None:
        self.reach = Reach(server)
        self.leadership = Leadership(self.reach, "entrepot", "controller", identity)
        self._task: asyncio.Task[None] | None = None

    @property
    def held(self) -> bool:
        return self.leadership.held

    async def starts(self) -> None:
        self._task = asyncio.create_task(self.leadership.keep())
        await settled()

    async def ends(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await settled()


async def settled() -> None:
    """Return when each has tried several times."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lease, "time", clock)
    monkeypatch.setattr(lease, "_EVERY", 0)
    return clock


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def both(clock: Clock, server: Server) -> AsyncIterator["Both"]:
    first, second = Contender(server, "first"), Contender(server, "second")
    await first.starts()
    await second.starts()
    yield first, second
    await first.ends()
    await second.ends()


Both = tuple[Contender, Contender]


async def test_one_of_two(both: Both, clock: Clock, server: Server) -> None:
    """However long, while it is renewed."""
    first, second = both
    for _ in range(100):
        assert (first.held, second.held) == (True, False)
        await clock.passes(STEP)
    assert server.spec["holderIdentity"] == "first"
    assert server.spec["leaseTransitions"] == 0


async def test_nobody_holds_it_at_first(clock: Clock, server: Server) -> None:
    assert not Contender(server, "first").held


async def test_the_other_one_takes_over_when_it_is_old(
    both: Both, clock: Clock, server: Server
) -> None:
    """Not before; and there is a while when nobody works, never one when both do."""
    first, second = both
    first.reach.away = True
    began, who = clock.now, {}
    while clock.now - began < LASTS + 2 * STEP:
        await clock.passes(STEP)
        who[clock.now - began] = first.held, second.held
    assert [each for each, (one, _) in who.items() if one][-1] == WORKS - STEP
    assert next(each for each, (_, other) in who.items() if other) == LASTS + STEP
    assert (True, True) not in who.values()
    assert server.spec["holderIdentity"] == "second"
    assert server.spec["leaseTransitions"] == 1

    first.reach.away = False
    await clock.passes(STEP)
    assert (first.held, second.held) == (False, True)


async def test_clocks_need_not_agree(both: Both, clock: Clock, server: Server) -> None:
    """What the lease says of when it was renewed does not count."""
    _, second = both
    server.spec["renewTime"] = "2001-01-01T00:00:00.000000Z"
    await clock.passes(STEP)
    assert not second.held


async def test_it_goes_on_when_the_server_is_back_in_time(both: Both, clock: Clock) -> None:
    first, second = both
    first.reach.away = True
    await clock.passes(WORKS - STEP)
    first.reach.away = False
    await clock.passes(0)
    await clock.passes(WORKS - STEP)
    assert (first.held, second.held) == (True, False)


LOSES: dict[str, Callable[["Both", Server], None]] = {
    "the server is away": lambda both, _: setattr(both[0].reach, "away", True),
    "another one has it": lambda _, server: server.spec.update(holderIdentity="third"),
}


@pytest.mark.parametrize("how", LOSES)
async def test_who_works_hears_that_it_is_lost(
    how: str, both: Both, clock: Clock, server: Server
) -> None:
    lost = asyncio.create_task(both[0].leadership.lost())
    await clock.passes(WORKS - STEP)
    assert not lost.done()
    LOSES[how](both, server)
    await clock.passes(WORKS)
    await asyncio.wait_for(lost, 60)


async def test_given_back_it_is_free_at_once(both: Both, server: Server) -> None:
    first, second = both
    waiting = asyncio.create_task(second.leadership.wait())
    await settled()
    assert not waiting.done()
    await first.ends()
    assert (first.held, second.held) == (False, True)
    await asyncio.wait_for(waiting, 60)
    assert server.spec["holderIdentity"] == "second"


async def test_what_another_one_holds_is_not_given_back(both: Both, server: Server) -> None:
    first, second = both
    await second.ends()
    assert first.held
    assert server.spec["holderIdentity"] == "first"


async def test_another_one_was_faster(
    clock: Clock, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Both saw that there is none; which is no trouble to tell of."""
    first, second = Contender(server, "first"), Contender(server, "second")
    second.reach.stale = None
    await first.starts()
    await second.starts()
    assert (first.held, second.held) == (True, False)
    assert caplog.text == ""
    await first.ends()
    await second.ends()


async def test_who_sees_that_it_is_anothers_stops_at_once(
    both: Both, clock: Clock, server: Server
) -> None:
    """As when somebody wrote it by hand."""
    first, _ = both
    server.spec["holderIdentity"] = "third"
    await clock.passes(0)
    assert not first.held


async def test_since_when_it_is_held(both: Both, clock: Clock, server: Server) -> None:
    acquired, renewed = server.spec["acquireTime"], server.spec["renewTime"]
    await clock.passes(STEP)
    assert server.spec["acquireTime"] == acquired
    assert server.spec["renewTime"] > renewed
    assert server.spec["leaseDurationSeconds"] == LASTS
