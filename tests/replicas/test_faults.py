"""Replicas are killed, and cut off from the database or the store, while clients push and pull.

Nothing that was acknowledged is lost, what clients try again succeeds, and each replica says the
truth of itself.
"""

import time
from collections.abc import Callable, Iterator

import pytest
from tests.postgres import Postgres
from tests.replicas import fleet as fleets
from tests.replicas.client import Client
from tests.replicas.fleet import Fleet, Replica
from tests.seaweed import Seaweed
from tests.waiting import until

CLIENTS = 3
AWAY = 4.0
"""Seconds for which something is away: longer than a replica's patience."""


@pytest.fixture(scope="module")
def own(
    postgres: Postgres, seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Three replicas for this module alone, whose collector comes by all the time."""
    url, folder = postgres.new(), tmp_path_factory.mktemp("faults")
    with (
        seaweed.bucket() as bucket,
        fleets.running(folder, url, bucket, upkeep_pause="0.5") as found,
    ):
        yield found
    postgres.drop(url)


def kill(replica: Replica) -> None:
    replica.registry.kill()


def start(replica: Replica) -> None:
    replica.registry.start()


Fault = tuple[Callable[[Replica], None], Callable[[Replica], None]]

FAULTS: dict[str, Fault] = {
    "killed": (kill, start),
    "database cut": (lambda it: it.database.cut(), lambda it: it.database.mend()),
    "database silent": (lambda it: it.database.silence(), lambda it: it.database.mend()),
    "store cut": (lambda it: it.store.cut(), lambda it: it.store.mend()),
    "store silent": (lambda it: it.store.silence(), lambda it: it.store.mend()),
}


@pytest.mark.parametrize("every", [False, True], ids=["one replica", "all"])
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_and_retries_succeed(own: Fleet, fault: str, every: bool) -> None:
    breaks, mends = FAULTS[fault]
    hit = own.replicas if every else own.replicas[:1]
    clients = [Client(own.url, time.monotonic_ns() + number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        until(lambda: all(len(client.pushed.tags) > 2 for client in clients))
        for replica in hit:
            breaks(replica)
        if fault != "killed":
            until(lambda: not any(replica.ready() for replica in hit))
        time.sleep(AWAY)
    finally:
        for replica in hit:
            mends(replica)
    until(lambda: all(replica.ready() for replica in own.replicas))
    before = [len(client.pushed.tags) for client in clients]
    until(lambda: all(len(c.pushed.tags) > n for c, n in zip(clients, before, strict=True)))
    for client in clients:
        client.stop()
    for replica in own.replicas:
        for client in clients:
            look(replica, client)


def look(replica: Replica, client: Client) -> None:
    """All that was acknowledged is there, at this very replica."""
    for tag, wanted in client.pushed.tags.items():
        assert replica.registry.digest(client.repository, tag) == wanted
    for layer in list(client.pushed.layers)[-5:]:
        assert len(replica.registry.blob(client.repository, layer)) == 120_000
