"""Several clients push, mount, pull, delete, restore and collect the same content, and are killed.

Whatever they do at once: a tag resolves wholly, what a client was told to be here stays for a
grace, and in the end the store has what the rows name. `ENTREPOT_CRASH_ROUNDS` says for how long.
"""

import json
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.accounts import ADMIN
from tests.crash.backend import Backend
from tests.crash.processes import await_none
from tests.crash.rival import LASTING, PASSING, Rival
from tests.registry import Registry, StartRegistry, environment
from tests.tools import CRASH_ROUNDS
from tests.waiting import until

from entrepot.blobstore.store import Store
from entrepot.db import quotas
from entrepot.db.connection import Connection as Database

RIVALS = 6
KILLS = max(2, CRASH_ROUNDS // 20)
MOST = 6 * KILLS
"""How many more there are on a busy machine, until all has happened."""
GRACE = 0.8
_DAY = 24 * 3600

WANTED = {
    "pushed",
    "pushed own",
    "pushed an index",
    "relied",
    "signed",
    "ran",
    "pulled",
    "retagged",
    "untagged",
    "untagged own",
    "deleted",
    "dropped",
    "restored",
    "purged",
    "collected",
}
"""What must have happened, or the test shows nothing."""


@pytest.mark.timeout(120 + 30 * MOST)
@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_that_is_needed_goes(
    behind: Backend, start_registry: StartRegistry, workers: int
) -> None:
    registry = start_registry(
        **behind.settings,
        workers=workers,
        dangerously_without_accounts=False,
        admin_password=ADMIN.secret,
        access_log=False,
        upload_expiry=20,
        upkeep_pause="0.03",
        ran_days=0,
        **_lasting(1),
    )
    did: Counter[str] = Counter()
    rivals: list[Rival] = []
    begun = 0.0
    for kill in range(MOST):
        if kill >= KILLS and set(did) >= WANTED:
            break
        times = 1 + kill // KILLS
        rivals = _rivals(registry, kill, rivals, GRACE * times)
        _await_loaded(registry, behind, begun, rivals[0])
        for rival in rivals:
            rival.start()
        time.sleep(random.uniform(1.5, 3) * times)
        registry.kill()
        registry.settings |= environment(_lasting(1 + (kill + 1) // KILLS))
        for rival in rivals:
            rival.join(60)
            assert rival.error is None, rival.error
            did += rival.did
        begun = time.time()
        registry.start()
        for rival in rivals:
            with rival.connect() as at:
                rival.verify(at)
        assert behind.damage(registry.data, read=False) == []
    print(f"{sum(did.values())} steps: {dict(did)}")
    assert set(did) >= WANTED
    _end(registry, behind, rivals[0])


def _lasting(times: int) -> dict[str, str | int | bool | Path]:
    """How long everything lasts: so many times longer, where a slow machine needs that."""
    days = {"trash_days": 2, "untagged_days": 1, "orphan_days": 1}
    lasts = {name: str(seconds * times / _DAY) for name, seconds in days.items()}
    return {"collect_grace": str(GRACE * times), **lasts}


def _await_loaded(registry: Registry, behind: Backend, since: float, rival: Rival) -> None:
    """Jobs begin, and the admin API is loaded, when it answers: a round may be over by then."""
    for _ in range(6):  # connections, since each may be another worker's
        with rival.connect() as at:
            assert at.ask("GET", "/api/v1/clusters").status == 200
    query = "select count(*) from job where ended_at > ?"
    with behind.connect(registry.data) as db:
        until(lambda: db.execute(query, (since,)).fetchone()[0] > 0)


def _rivals(registry: Registry, kill: int, before: list[Rival], grace: float) -> list[Rival]:
    """New ones, who remember what those before them were told."""
    found = [
        Rival(registry.address, ADMIN.secret, kill * RIVALS + number, grace)
        for number in range(RIVALS)
    ]
    for rival, other in zip(found, before, strict=False):
        rival.own = other.own
    return found


def _end(registry: Registry, behind: Backend, rival: Rival) -> None:
    """When all is quiet, the store has what the rows name; when all is deleted, it has nothing."""
    store = behind.store(registry.data)
    with behind.connect(registry.data) as db, rival.connect() as at:
        await_none(lambda: _unsettled(db, store))
        assert behind.damage(registry.data, read=True) == []
        assert quotas.recount(db) == 0
        for cluster in json.loads(at.ask("GET", "/api/v1/clusters").body)["items"]:
            path = f"/api/v1/clusters/{cluster['name']}"
            assert at.ask("DELETE", path).status == 204
        for repository in (*LASTING, PASSING):
            path = f"/api/v1/repositories/{repository}?confirm={repository}"
            assert at.ask("DELETE", path).status in (200, 404)
        until(lambda: _count(db, "blob") == 0)
        await_none(lambda: _unsettled(db, store))
        for table in ("repository", "manifest", "tag", "edge", "repository_blob", "trash"):
            assert _count(db, table) == 0, table
        assert list(store.objects()) == []
        assert quotas.recount(db) == 0
        assert quotas.find(db, "race").bytes == 0


def _unsettled(db: Database, store: Store) -> list[str]:
    """Objects that are no pieces of blobs, pieces that are no objects, and what waits to go."""
    named = {name for (name,) in db.execute("select name from piece where number is not null")}
    found = {name for name, _ in store.objects()} ^ named
    waiting = [table for table in ("garbage", "trash", "upload") if _count(db, table)]
    return [*sorted(found), *waiting]


def _count(db: Database, table: str) -> int:
    found: int = db.execute(f"select count(*) from {table}").fetchone()[0]
    return found
