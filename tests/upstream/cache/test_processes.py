"""Several processes with one cache: replicas, workers, one that is killed; and where bytes lie."""

import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path

import httpx
import pytest
from tests.content import digest
from tests.registry import Registry, StartRegistry, serving
from tests.seaweed import Bucket
from tests.upstream.cache.conftest import stand_for
from tests.upstream.cache.shop import LAYER, Shop, opened
from tests.upstream.cache.test_fetching import asked, blob, manifest, pull
from tests.upstream.scripted import Scripted

from entrepot.db import engine
from entrepot.db.connection import Connection

KEY = b64encode(bytes(range(32))).decode()
HALF = 1_500_000
ALLOW = {"outbound_allow": "127.0.0.0/8"}


def pulled(registry: Registry) -> None:
    with httpx.Client(base_url=registry.url, timeout=60) as client:
        pull(client)


@contextmanager
def replicas(folder: Path, address: str, url: str, bucket: Bucket) -> Iterator[list[Registry]]:
    stand_for(folder, address, url)
    settings = {**bucket.settings, **ALLOW, "database_url": url}
    with ExitStack() as stack:
        yield [
            stack.enter_context(serving(folder / f"replica-{number}", **settings))
            for number in range(2)
        ]


def until_asked(server: Scripted, content: bytes) -> None:
    deadline = time.monotonic() + 60
    while not asked(server, content):
        assert time.monotonic() < deadline, "nobody asks upstream"
        time.sleep(0.02)


def test_replicas_fetch_once(tmp_path: Path, database_url: str, bucket: Bucket) -> None:
    with opened() as (shop, server):
        shop.gate = threading.Event()
        with (
            replicas(tmp_path, server.address, database_url, bucket) as found,
            ThreadPoolExecutor(20) as threads,
        ):
            pulls = [threads.submit(pulled, each) for each in found for _ in range(10)]
            until_asked(server, LAYER)
            time.sleep(0.5)
            shop.gate.set()
            for each in pulls:
                each.result()
        assert len(server.paths()) == 4


def test_another_takes_over_from_one_that_is_killed(
    tmp_path: Path, database_url: str, bucket: Bucket
) -> None:
    with opened() as (shop, server):
        shop.gate = threading.Event()
        with (
            replicas(tmp_path, server.address, database_url, bucket) as (first, second),
            ThreadPoolExecutor(2) as threads,
        ):
            lost = threads.submit(pulled, first)
            until_asked(server, LAYER)
            waiting: Future[None] = threads.submit(pulled, second)
            time.sleep(0.3)
            first.kill()
            shop.gate.set()
            waiting.result()
            with pytest.raises(httpx.HTTPError):
                lost.result()


def test_workers_fetch_once(start_registry: StartRegistry, tmp_path: Path) -> None:
    with opened() as (shop, server):
        shop.gate = threading.Event()
        stand_for(tmp_path / "registry-1" / "data", server.address)
        registry = start_registry(workers=2, **ALLOW)
        with ThreadPoolExecutor(12) as threads:
            pulls = [threads.submit(pulled, registry) for _ in range(12)]
            until_asked(server, LAYER)
            time.sleep(0.3)
            shop.gate.set()
            for each in pulls:
                each.result()
        assert len(server.paths()) == 4


def begun(url: str) -> tuple[ExitStack, Iterator[bytes]]:
    """A pull of the layer, once its headers are there."""
    stack = ExitStack()
    client = stack.enter_context(httpx.Client(base_url=url, timeout=30))
    manifest(client)
    path = f"/v2/hub/team/app/blobs/{digest(LAYER)}"
    answer = stack.enter_context(client.stream("GET", path))
    assert answer.headers["content-length"] == str(len(LAYER))
    return stack, answer.iter_bytes(100_000)


def test_a_worker_hands_out_what_another_one_fetches(
    start_registry: StartRegistry, tmp_path: Path
) -> None:
    """As it comes, whichever worker somebody asks."""
    with opened() as (shop, server):
        shop.gate, shop.halt = threading.Event(), HALF
        stand_for(tmp_path / "registry-1" / "data", server.address)
        registry = start_registry(workers=2, **ALLOW)
        pulls = [begun(registry.url) for _ in range(12)]
        for _, parts in pulls:
            assert b"".join(islice(parts, 10)) == LAYER[:1_000_000]
        shop.gate.set()
        for stack, parts in pulls:
            assert b"".join(parts) == LAYER[1_000_000:]
            stack.close()
        assert ranges(server).count(None) == 1


def test_a_replica_says_at_once_that_it_comes(
    tmp_path: Path, database_url: str, bucket: Bucket
) -> None:
    """A bucket shows nothing before an object's end."""
    with opened() as (shop, server):
        shop.gate, shop.halt = threading.Event(), HALF
        with replicas(tmp_path, server.address, database_url, bucket) as found:
            pulls = [begun(each.url) for each in found]
            shop.gate.set()
            for stack, parts in pulls:
                assert b"".join(parts) == LAYER
                stack.close()
        assert ranges(server).count(None) == 1


def ranges(server: Scripted) -> list[str | None]:
    """Of which parts the layer was asked for: one that is silent for long is asked to go on."""
    return [x.headers.get("range") for x in server.asked if x.path.endswith(digest(LAYER))]


def test_it_is_killed_in_the_middle(start_registry: StartRegistry, tmp_path: Path) -> None:
    """What was not whole is not there; what came of it does not come again."""
    with opened() as (shop, server):
        shop.gate, shop.halt = threading.Event(), HALF
        folder = tmp_path / "registry-1" / "data"
        stand_for(folder, server.address)
        registry = start_registry(**ALLOW)
        stack, parts = begun(registry.url)
        with stack:
            assert b"".join(islice(parts, 14)) == LAYER[:1_400_000]
            with closing(engine.connect(folder)) as db:
                until(db, "select count(*) = 1 from fetching where piece <> ''")
            registry.kill()
            shop.gate.set()
            with pytest.raises(httpx.HTTPError):
                b"".join(parts)
        registry.start()
        pulled(registry)
        first, *_, last = ranges(server)
        assert first is None
        assert 1_400_000 <= int(str(last)[6:-1]) <= HALF
        with closing(engine.connect(folder)) as db:
            until(db, "select count(*) = 0 from fetching")
            assert db.execute("select count(*) from piece").fetchall() == [(1,)]


def until(db: Connection, query: str) -> None:
    deadline = time.monotonic() + 60
    while db.execute(query).fetchall() != [(1,)]:
        assert time.monotonic() < deadline, query
        time.sleep(0.02)


def broken(shop: Shop) -> None:
    """It breaks off often, so that readers catch up with what has come."""
    shop.cut = 700_000


@pytest.mark.parametrize("where", ["encrypted", "bucket"])
def test_where_nothing_shows_before_its_end(
    where: str, start_registry: StartRegistry, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Then what is on its way lies in a file of its own, which is encrypted."""
    settings = {"encryption_key": KEY}
    if where == "bucket":
        settings = request.getfixturevalue("bucket").settings
    with opened() as (shop, server):
        broken(shop)
        stand_for(tmp_path / "registry-1" / "data", server.address)
        registry = start_registry(**settings, **ALLOW)
        with ThreadPoolExecutor(5) as threads:
            for each in [threads.submit(pulled, registry) for _ in range(5)]:
                each.result()
        with httpx.Client(base_url=registry.url, timeout=60) as client:
            manifest(client)
            found = blob(client, LAYER, range="bytes=5-1999999")
            assert found.content == LAYER[5:2_000_000]
        assert len(asked(server, LAYER)) == 5
        assert digest(LAYER)


def test_a_server_that_stops_does_not_wait_for_upstream(
    start_registry: StartRegistry, tmp_path: Path
) -> None:
    with opened() as (shop, server):
        shop.gate = threading.Event()
        stand_for(tmp_path / "registry-1" / "data", server.address)
        registry = start_registry(grace=2, **ALLOW)
        with ThreadPoolExecutor(2) as threads:
            lost = threads.submit(pulled, registry)
            until_asked(server, LAYER)
            shop.hangs = threading.Event()
            other = threads.submit(httpx.get, f"{registry.url}/v2/hub/team/app/manifests/2")
            time.sleep(0.3)
            registry.stop()
            for each in (lost, other):
                with pytest.raises(httpx.HTTPError):
                    each.result()
            shop.gate.set()
            shop.hangs.set()
