"""What was acknowledged survives SIGKILL at any moment, under a load of pushes and deletions.

`ENTREPOT_CRASH_ROUNDS` says how many times the registry is killed.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.crash.backend import Backend
from tests.crash.conftest import POSTGRES
from tests.crash.connection import Connection
from tests.crash.ledger import Ledger
from tests.crash.pusher import Pusher
from tests.registry import Registry, StartRegistry
from tests.tools import CRASH_ROUNDS, run

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.blobstore.encrypted import EncryptedStore
from entrepot.db import engine
from entrepot.encryption.keys import Keyring, MasterKey
from entrepot.upkeep.check import findings

KEY = MasterKey.new()
"""Of the registries that have one."""
PUSHERS = 4
_AFRESH = 10
"""Rounds after which a new folder is begun: what lies in one is verified again and again."""


@pytest.mark.timeout(120 + 15 * CRASH_ROUNDS)
@pytest.mark.parametrize(
    ("workers", "rounds", "encrypted"),
    [
        (1, CRASH_ROUNDS // 2, False),
        (1, CRASH_ROUNDS // 4, True),
        (2, CRASH_ROUNDS // 4, False),
    ],
    ids=["plain", "encrypted", "workers"],
)
def test_acknowledged_content_survives_sigkill(
    start_registry: StartRegistry, workers: int, rounds: int, encrypted: bool
) -> None:
    key = {"encryption_key": KEY.line} if encrypted else {}
    for first in range(0, rounds, _AFRESH):
        registry = start_registry(workers=workers, access_log=False, upkeep_pause=1, **key)
        _rounds(registry, range(first, min(first + _AFRESH, rounds)), damage)


@pytest.mark.timeout(120 + 15 * CRASH_ROUNDS)
@pytest.mark.parametrize("behind", [POSTGRES], indirect=True)
def test_so_it_does_on_other_machines(behind: Backend, start_registry: StartRegistry) -> None:
    """Those go on while the registry is killed: a bucket may finish what it was asked before."""
    registry = start_registry(access_log=False, upkeep_pause=1, **behind.settings)
    _rounds(registry, range(CRASH_ROUNDS // 4), behind.damage)


def _rounds(registry: Registry, numbers: range, damage: Callable[..., list[str]]) -> None:
    ledgers: list[Ledger] = []
    for number in numbers:
        ledgers += _round(registry, number)
        assert damage(registry.data, read=False) == []
    with Connection(registry.address) as at:
        for ledger in ledgers:
            ledger.verify(at)
    check = (sys.executable, "-m", "entrepot", "check", "--data", registry.data)
    run(*check, env={**os.environ, "ENTREPOT_ENCRYPTION_KEY": KEY.line, **registry.settings})
    registry.stop()


def _round(registry: Registry, number: int) -> list[Ledger]:
    """Load, kill, restart on the same data, verify."""
    ledgers = [Ledger(f"load/round{number}/pusher{i}") for i in range(PUSHERS)]
    pushers = [
        Pusher(registry.address, ledger, seed=number * PUSHERS + i)
        for i, ledger in enumerate(ledgers)
    ]
    for pusher in pushers:
        pusher.start()
    for pusher in pushers:
        assert pusher.acknowledged.wait(60)
    time.sleep(random.uniform(0.05, 0.3))
    ended = [pusher.error for pusher in pushers if not pusher.is_alive()]
    assert not ended
    registry.kill()
    for pusher in pushers:
        pusher.join(60)
        assert pusher.error is None
    registry.start()
    with Connection(registry.address) as at:
        for ledger in ledgers:
            ledger.verify(at)
    return ledgers


def damage(data: Path, *, read: bool) -> list[str]:
    """What `entrepot check` would complain of."""
    ring = Keyring((KEY,))
    db = engine.connect_to_read(data, ring)
    try:
        found = findings(db, EncryptedStore(DiskStore(folder_of(data)), ring), read=read)
        return [f"{finding.subject}: {finding.what}" for finding in found]
    finally:
        db.close()
