"""A round makes all that it can, whatever cannot be made; and ends where the lease is lost.

The API server is in memory here; the real one is in tests/cluster.
"""

import asyncio
import base64
import ssl
from typing import Any

import pytest
from tests.kube.controller.accesses import HOST, document

from entrepot.kube.controller.cluster import Cluster, ClusterError
from entrepot.kube.controller.controller import patience, while_held
from entrepot.kube.controller.lease import Leadership
from entrepot.kube.controller.metrics import Metrics
from entrepot.kube.controller.registries import Registries
from entrepot.kube.controller.registry import Registry
from entrepot.kube.controller.reporting import Reporter
from entrepot.kube.controller.round import Outcome, Rounds
from entrepot.kube.controller.supply import Supply
from entrepot.kube.controller.sweep import Sweep

TRUST = ssl.create_default_context()
PAIR = {"username": "puller", "password": "secret"}
SHARED = {"data": {key: base64.b64encode(text.encode()).decode() for key, text in PAIR.items()}}


class Server(Cluster):
    """What a round sees of a cluster with one namespace, and does there."""

    def __init__(self, *accesses: dict[str, Any]) -> None:
        self._accesses = accesses
        self.refused: set[str] = set()
        """Names of what can be neither read nor written."""
        self.applied: set[str] = set()
        self.listed = asyncio.Semaphore(0)

    async def accesses(self) -> list[dict[str, Any]]:
        return list(self._accesses)

    async def namespaces(self) -> list[dict[str, Any]]:
        return [{"metadata": {"name": "a"}}]

    async def every(self, kind: str) -> list[dict[str, Any]]:
        self.listed.release()
        self._check(kind)
        return []

    async def find(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        self._check(name)
        return {"metadata": {"name": name}, **SHARED} if name.startswith("shared") else None

    async def apply(self, document: dict[str, Any], *, force: bool = False) -> None:
        self.applied.add(document["metadata"]["name"])

    async def tell(self, access: str, status: dict[str, Any]) -> None:
        self._check(access)

    def _check(self, name: str) -> None:
        if name in self.refused:
            raise ClusterError(f"{name}: forbidden", 403)


def handing_on(name: str) -> dict[str, Any]:
    """One whose credentials are in a secret beside the controller."""
    registry = {"host": HOST, "copy": {"secret": f"shared-{name}"}}
    return document(name, registries=[registry], namespaces=["a"])


async def once(server: Server) -> Outcome:
    registries = Registries(server, "entrepot", "controller", TRUST)
    supply = Supply(server, registries, "home", Metrics())
    sweep = Sweep(registries, "home")
    return await Rounds(server, supply, sweep, namespace="entrepot", templates=False).once()


SECRETS = {"entrepot-pull-first", "entrepot-pull-second"}


async def test_all_have_their_secrets() -> None:
    server = Server(handing_on("first"), handing_on("second"))
    assert (await once(server)).troubles == []
    assert server.applied == SECRETS


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ("first", ["first: first: forbidden"]),
        ("shared-first", ["first: shared-first: forbidden"]),
    ],
)
async def test_one_that_cannot_be_done_holds_up_no_other(refused: str, told: list[str]) -> None:
    """Its status cannot be written, or the secret that it hands on cannot be read."""
    server = Server(handing_on("first"), handing_on("second"))
    server.refused = {refused}
    assert (await once(server)).troubles == told
    assert "entrepot-pull-second" in server.applied


async def test_accounts_that_may_not_be_listed_hold_up_no_secret() -> None:
    server = Server(handing_on("first"))
    server.refused = {"ServiceAccount"}
    assert (await once(server)).troubles == ["ServiceAccount: forbidden"]
    assert server.applied == {"entrepot-pull-first"}


async def test_one_that_cannot_be_read_or_told_so_holds_up_no_other() -> None:
    odd = document("odd", lifetime="soon", namespaces=["a"])
    server = Server(odd, handing_on("second"))
    server.refused = {"odd"}
    assert (await once(server)).troubles[1:] == ["odd: odd: forbidden"]
    assert server.applied == {"entrepot-pull-second"}


@pytest.mark.parametrize(("failed", "seconds"), [(1, 2), (4, 16), (5, 30), (10**6, 30)])
def test_what_fails_is_tried_ever_more_rarely(failed: int, seconds: float) -> None:
    assert patience(failed) == seconds


class Held(Leadership):
    """A lease that a test takes away."""

    def __init__(self) -> None:
        self.taken = asyncio.Event()

    async def wait(self) -> None:
        await asyncio.sleep(0)

    async def lost(self) -> None:
        await self.taken.wait()


async def test_a_round_ends_where_the_lease_is_lost() -> None:
    """Another controller may begin one by then, and each would end the passwords of the other."""
    held, began, cut = Held(), asyncio.Event(), asyncio.Event()

    async def work() -> Outcome:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()
        return Outcome()

    round_ = asyncio.create_task(while_held(held, work()))
    await began.wait()
    held.taken.set()
    assert await asyncio.wait_for(round_, 60) is None
    assert cut.is_set()


async def test_a_round_comes_to_its_end_while_the_lease_is_held() -> None:
    async def work() -> Outcome:
        return Outcome(namespaces=7)

    found = await while_held(Held(), work())
    assert found is not None
    assert found.namespaces == 7


async def test_a_report_that_fails_by_a_bug_is_made_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else one odd object in the cluster would end the controller, over and over."""
    monkeypatch.setattr("entrepot.kube.controller.reporting._EVERY", 0)

    class Odd(Server):
        async def every(self, kind: str) -> list[dict[str, Any]]:
            await super().every(kind)
            raise LookupError(kind)

    async def login() -> tuple[str, str]:
        raise AssertionError("nothing is sent")

    server = Odd()
    reporter = Reporter(server, Registry("http://registry.test", TRUST, login), "home", Metrics())
    task = asyncio.create_task(reporter.keep(Held()))
    for _ in range(3):
        await asyncio.wait_for(server.listed.acquire(), 60)
    task.cancel()
    await asyncio.wait([task])
    assert caplog.messages[:2] == ["a report failed by a bug, and is tried again"] * 2
