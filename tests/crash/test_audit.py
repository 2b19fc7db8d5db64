"""What a crash takes from the audit: of changes nothing, of pulls those of a second or two."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.content import put_image
from tests.crash.ledger import Ledger
from tests.crash.pusher import Pusher
from tests.db.audited import event
from tests.registry import Registry, StartRegistry
from tests.waiting import until

from entrepot.db import audit, engine
from entrepot.db.chain import Chain
from entrepot.db.connection import Connection
from entrepot.db.place import Folder

ROUNDS = 3
_KINDS = "('pushed', 'tagged', 'untagged', 'deleted', 'blob deleted')"


@contextmanager
def opened(data: Path) -> Iterator[Connection]:
    with closing(engine.connect(data)) as db:
        yield db


@pytest.mark.parametrize("workers", [1, 2])
def test_a_change_that_was_acknowledged_has_its_row(
    start_registry: StartRegistry, workers: int
) -> None:
    registry = start_registry(workers=workers, access_log=False)
    ledgers: list[Ledger] = []
    for number in range(ROUNDS):
        pushers = [
            Pusher(registry.address, Ledger(f"load/round{number}/pusher{i}"), number * 3 + i)
            for i in range(3)
        ]
        ledgers += [pusher.ledger for pusher in pushers]
        for pusher in pushers:
            pusher.start()
        for pusher in pushers:
            assert pusher.acknowledged.wait(60)
        until(partial(_have_pushed, pushers))
        time.sleep(random.uniform(0.2, 0.6))
        registry.kill()
        for pusher in pushers:
            pusher.join(60)
            assert pusher.error is None
        registry.start()
    with opened(registry.data) as db:
        for ledger in ledgers:
            _compare(db, ledger)
        query = f"select actor, kind, repository, reference from change where kind in {_KINDS}"
        changes = db.execute(f"{query} order by id").fetchall()
        query = f"select actor, action, repository, reference from audit where action in {_KINDS}"
        assert db.execute(f"{query} order by id").fetchall() == changes
        assert len(changes) > 10
    assert list(Chain(Folder(registry.data).connect_to_read).faults()) == []


def _have_pushed(pushers: list[Pusher]) -> bool:
    """Some manifests: blobs alone are no changes."""
    return sum(len(each.ledger.manifests) for each in pushers) > 3


def _compare(db: Connection, ledger: Ledger) -> None:
    def rows(reference: str) -> list[tuple[str, str]]:
        query = (
            "select action, digest from audit where repository = ? and reference = ? order by id"
        )
        return db.execute(query, (ledger.repository, reference)).fetchall()

    for digest in ledger.manifests:
        assert ("pushed", digest) in rows(digest)
    for tag, states in ledger.tags.items():
        if states[0] is not None:
            assert ("tagged", states[0]) in rows(tag)
    for path in ledger.gone:
        digest = path.rpartition("/")[2]
        kind = "deleted" if "/manifests/" in path else "blob deleted"
        assert kind in [action for action, _ in rows(digest)]


def test_an_account_or_grant_that_was_acknowledged_has_its_row(
    start_registry: StartRegistry,
) -> None:
    registry = _with_accounts(start_registry)
    done: list[str] = []

    def administer() -> None:
        with httpx.Client(base_url=registry.url, auth=ADMIN.pair) as client:
            for number in range(10_000):
                name = f"u{number}"
                client.post("/api/v1/users", json={"name": name}).raise_for_status()
                done.append(f"user:{name}")
                grant = {"subject": f"user:{name}", "role": "reader", "pattern": "team/*"}
                made = client.post("/api/v1/grants", json=grant).raise_for_status().json()
                done.append(f"user:{name} reader team/*")
                client.delete(f"/api/v1/grants/{made['id']}").raise_for_status()
                client.delete(f"/api/v1/users/{name}").raise_for_status()
                done.append(f"user:{name}")

    working = _background(administer)
    until(lambda: len(done) > 20)
    registry.kill()
    working.join(60)
    with opened(registry.data) as db:
        told = [row[0] for row in db.execute("select reference from audit order by id")]
    for reference in set(done):
        assert told.count(reference) >= done.count(reference), reference
    assert list(Chain(Folder(registry.data).connect_to_read).faults()) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_of_pulls_only_the_last_moment_is_lost(start_registry: StartRegistry, workers: int) -> None:
    """A batch is begun each second, however much is pulled meanwhile, and what it has is safe."""
    registry = _with_accounts(start_registry, workers=workers)
    pulled: list[int] = []

    def pull() -> None:
        with httpx.Client(base_url=registry.url, auth=ADMIN.pair) as client:
            while True:
                status = client.get("/v2/team/app/manifests/1").raise_for_status().status_code
                pulled.append(status)

    with httpx.Client(base_url=registry.url, auth=ADMIN.pair) as client:
        put_image(client, "team/app", "1")
    pulling = _background(pull)
    until(lambda: len(pulled) > 10)
    seen = len(pulled)
    with opened(registry.data) as db:
        until(lambda: _pulls(db) >= seen)
    time.sleep(random.uniform(0, 1.5))
    registry.kill()
    pulling.join(60)
    with opened(registry.data) as db:
        assert seen <= _pulls(db) <= len(pulled) + 1
    assert list(Chain(Folder(registry.data).connect_to_read).faults()) == []


def test_what_stops_by_sigterm_loses_no_pull(start_registry: StartRegistry) -> None:
    registry = _with_accounts(start_registry)
    with httpx.Client(base_url=registry.url, auth=ADMIN.pair) as client:
        put_image(client, "team/app", "1")
        for _ in range(50):
            client.get("/v2/team/app/manifests/1").raise_for_status()
    registry.stop()
    with opened(registry.data) as db:
        assert _pulls(db) == 50
    registry.start()


def _pulls(db: Connection) -> int:
    query = "select coalesce(sum(times), 0) from audit where action = 'pull'"
    found: int = db.execute(query).fetchone()[0]
    return found


def _with_accounts(start: StartRegistry, **settings: Any) -> Registry:
    return start(
        dangerously_without_accounts=False,
        admin_password=ADMIN.secret,
        access_log=False,
        **settings,
    )


def _background(what: Callable[[], None]) -> threading.Thread:
    """A client that ends when the registry does."""

    def run() -> None:
        with suppress(httpx.TransportError):
            what()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_retention_and_the_copy_are_cut_anywhere_and_go_on(
    start_registry: StartRegistry, tmp_path: Path
) -> None:
    """The chain is whole at every moment, and in the copy no row is missing."""
    copy = tmp_path / "audit.jsonl"
    registry = start_registry(
        audit_retention=1, audit_copy=f"file:{copy}", upkeep_pause="0.05", access_log=False
    )
    registry.stop()
    with opened(registry.data) as db, db.exclusive():
        audit.append(db, *(event(number) for number in range(10_000)))
        newest = audit.head(db)[0]
    kills = 0
    while kills < 20 and audit_starts_at(registry.data) <= newest:
        registry.start()
        time.sleep(random.uniform(0, 0.3))
        registry.kill()
        kills += 1
        assert list(Chain(Folder(registry.data).connect_to_read).faults()) == []
    registry.start()
    until(lambda: audit_starts_at(registry.data) > newest)
    registry.stop()
    assert list(Chain(Folder(registry.data).connect_to_read).faults()) == []
    with opened(registry.data) as db:
        taken = "select sum(times) from audit where action = ?"
        assert db.execute(taken, (audit.EXPIRED,)).fetchone()[0] == newest
    copied = [json.loads(line)["id"] for line in whole_lines(copy)]
    assert set(copied) >= set(range(1, newest + 1))


def audit_starts_at(data: Path) -> int:
    with opened(data) as db:
        number: int = db.execute("select coalesce(min(id), 0) from audit").fetchone()[0]
        return number


def whole_lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if line.endswith("}")]
