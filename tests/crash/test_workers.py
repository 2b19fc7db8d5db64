"""One process of several dies: the others go on, or stop in good order; started as users do."""

import os
import signal
from functools import partial

from tests.crash.connection import Connection
from tests.crash.ledger import Ledger
from tests.crash.processes import alive, workers
from tests.crash.pusher import Pusher
from tests.crash.test_sigkill import damage
from tests.registry import StartRegistry
from tests.waiting import until


def test_a_worker_that_is_killed_is_replaced(start_registry: StartRegistry) -> None:
    registry = start_registry(afresh=True, workers=2)
    until(lambda: len(workers(registry.pid)) == 2)
    ledgers = [Ledger(f"load/{number}") for number in range(4)]
    for round_ in range(2):
        pushers = [Pusher(registry.address, ledger, round_) for ledger in ledgers]
        for pusher in pushers:
            pusher.start()
        for pusher in pushers:
            assert pusher.acknowledged.wait(60)
        before = workers(registry.pid)
        os.kill(before[round_], signal.SIGKILL)
        until(partial(_replaced, registry.pid, before))
        for pusher in pushers:
            pusher.stop()
            pusher.join(60)
            assert pusher.error is None
        with Connection(registry.address) as at:
            for ledger in ledgers:
                ledger.verify(at)
    assert damage(registry.data, read=True) == []


def test_workers_stop_when_their_supervisor_is_killed(start_registry: StartRegistry) -> None:
    registry = start_registry(afresh=True, workers=2)
    until(lambda: len(workers(registry.pid)) == 2)
    orphans = workers(registry.pid)
    supervisor = registry.pid
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not any(alive(orphan) for orphan in orphans))
    registry.kill()
    registry.start()  # the port is free again


def _replaced(supervisor: int, before: list[int]) -> bool:
    now = workers(supervisor)
    return len(now) == 2 and now != before
