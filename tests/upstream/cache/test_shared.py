"""Two repositories of one upstream that ask for one layer at once: it is fetched once for both."""

import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

import httpx
import pytest
from tests.content import digest
from tests.registry import StartRegistry
from tests.upstream.cache.conftest import Caching, stand_for
from tests.upstream.cache.shop import LAYER, Shop, opened
from tests.upstream.cache.test_fetching import APP, asked, blob, manifest
from tests.upstream.cache.test_resuming import CUT_OFF
from tests.upstream.scripted import Asked, Say, Scripted, scripted

OTHER = "hub/team/other"
HALF = 1_500_000
KEY = b64encode(bytes(range(32))).decode()


@contextmanager
def begun(url: str, name: str) -> Iterator[Iterator[bytes]]:
    """A pull of the layer, once its headers are there."""
    with httpx.Client(base_url=url, timeout=60) as client:
        manifest(client, name=name)
        with client.stream("GET", f"/v2/{name}/blobs/{digest(LAYER)}") as answer:
            assert answer.headers["content-length"] == str(len(LAYER))
            yield answer.iter_bytes(100_000)


def push(url: str) -> None:
    """Have the layer in another project."""
    path = "/v2/team/secret/blobs/uploads/"
    found = httpx.post(f"{url}{path}", params={"digest": digest(LAYER)}, content=LAYER)
    assert found.status_code == 201


def fetched(server: Scripted) -> list[str]:
    """Of which repositories the layer was asked for from its beginning: a slow machine may have to
    go on with it once more.
    """
    return [
        each.path.split("/")[3]
        for each in server.asked
        if each.method == "GET"
        and each.path.endswith(digest(LAYER))
        and "range" not in each.headers
    ]


def both(shop: Shop, url: str) -> None:
    """Each gets what has come while more comes."""
    assert shop.gate is not None
    with ExitStack() as stack:
        pulls = [stack.enter_context(begun(url, name)) for name in (APP, OTHER)]
        for parts in pulls:
            assert b"".join(islice(parts, 10)) == LAYER[:1_000_000]
        shop.gate.set()
        for parts in pulls:
            assert b"".join(parts) == LAYER[1_000_000:]


@pytest.mark.parametrize("settings", [{}, {"encryption_key": KEY}], ids=["plain", "encrypted"])
def test_they_share_a_fetch(settings: dict[str, str], caching: Caching) -> None:
    with opened() as (shop, server):
        shop.gate, shop.halt = threading.Event(), HALF
        served = caching(server.address, settings=settings)
        both(shop, served.url)
        assert fetched(server) == ["app"]
        assert set(asked(server, LAYER, "HEAD")) == {f"/v2/team/other/blobs/{digest(LAYER)}"}
        assert blob(served.client, LAYER, OTHER).content == LAYER
        assert fetched(server) == ["app"]


@pytest.mark.parametrize("is_here", [False, True], ids=["new", "in another project"])
def test_workers_share_it(is_here: bool, start_registry: StartRegistry, tmp_path: Path) -> None:
    with opened() as (shop, server), ExitStack() as stack:
        shop.gate, shop.halt = threading.Event(), HALF
        stand_for(tmp_path / "registry-1" / "data", server.address)
        registry = start_registry(workers=2, outbound_allow="127.0.0.0/8")
        if is_here:
            push(registry.url)
        names = (APP, OTHER) * 6
        pulls = [stack.enter_context(begun(registry.url, name)) for name in names]
        shop.gate.set()
        for parts in pulls:
            assert b"".join(parts) == LAYER
        assert fetched(server) == ["app"]


@pytest.mark.parametrize("status", [404, 403])
def test_who_may_not_have_it_there_gets_nothing_of_it(status: int, caching: Caching) -> None:
    shop = Shop(gate=threading.Event(), halt=HALF)

    def answer(asked: Asked) -> Say:
        refused = "/team/other/blobs/" in asked.path
        return Say(status) if refused else shop.answer(asked)

    with scripted(answer) as server:
        served = caching(server.address)
        with begun(served.url, APP) as parts:
            next(parts)
            manifest(served.client, name=OTHER)
            assert blob(served.client, LAYER, OTHER).status_code == 404
            assert shop.gate is not None
            shop.gate.set()
            b"".join(parts)
        assert blob(served.client, LAYER, OTHER).status_code == 404


def test_where_nothing_says_that_it_is_there_it_is_fetched_for_each(caching: Caching) -> None:
    """Some registries redirect to a store by URLs that are signed for GET alone."""
    shop = Shop(gate=threading.Event(), halt=HALF)

    def answer(asked: Asked) -> Say:
        looks = asked.method == "HEAD" and "/blobs/" in asked.path
        return Say(403) if looks else shop.answer(asked)

    with scripted(answer) as server:
        both(shop, caching(server.address).url)
        assert sorted(fetched(server)) == ["app", "other"]


def test_one_that_breaks_off_ends_what_others_got_of_it(caching: Caching) -> None:
    """Nobody is handed a bit of both; whoever asks again gets it."""
    shop, broken = Shop(cut=900_000), threading.Event()

    def answer(asked: Asked) -> Say:
        if "/team/app/blobs/" in asked.path and "range" in asked.headers:
            broken.wait(60)
            return Say(403)
        return shop.answer(asked)

    with scripted(answer) as server, ExitStack() as stack:
        served = caching(server.address)
        pulls = [stack.enter_context(begun(served.url, name)) for name in (APP, OTHER)]
        for parts in pulls:
            assert b"".join(islice(parts, 8)) == LAYER[:800_000]
        shop.cut = 0
        broken.set()
        for parts in pulls:
            with pytest.raises(CUT_OFF):
                b"".join(parts)
        assert blob(served.client, LAYER, OTHER).content == LAYER


def test_what_another_project_has_is_shared_all_the_same(caching: Caching) -> None:
    """It lies in the object of who pushed it, and not in the one that was read while it came."""
    with opened() as (shop, server):
        shop.gate, shop.halt = threading.Event(), HALF
        served = caching(server.address)
        push(served.url)
        both(shop, served.url)
        assert fetched(server) == ["app"]
