"""SSRF and credential leaks by upstreams (CVE-2026-33540, CVE-2020-15157, CVE-2020-13788): wherever
an upstream leads, the rules hold, and its login goes nowhere else.
"""

import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import httpx2
import pytest
from tests.content import digest, dump, image, put_image
from tests.upstream.cache.conftest import Caching, caching
from tests.upstream.cache.shop import LAYER, MANIFEST, Shop
from tests.upstream.cache.test_fetching import blob, manifest
from tests.upstream.scripted import Asked, Say, Scripted, scripted
from tests.waiting import until

from entrepot.addresses import network
from entrepot.upstream import guarded

__all__ = ["caching"]

MANY = httpx.Limits(max_connections=100)
ONLY = {"outbound_allow": ("127.0.0.1/32",)}
LOGIN = {"login": "alice", "secret": "secret-of-alice"}


def test_an_address_that_is_not_allowed_is_not_reached(caching: Caching) -> None:
    with scripted(Shop().answer) as server:
        client = caching(server.address, settings={"outbound_allow": ()}).client
        found = manifest(client)
        assert found.status_code == 503
        assert "ENTREPOT_OUTBOUND_ALLOW can allow its network" in found.text
        assert server.asked == []


@pytest.mark.parametrize("path", ["/manifests/1", f"/blobs/{digest(LAYER)}"])
def test_a_redirect_leads_nowhere_else(path: str, caching: Caching) -> None:
    shop = Shop()
    target = "http://127.0.0.2:{}/latest/meta-data"

    def leads(asked: Asked) -> Say:
        if asked.path.endswith(path):
            port = asked.headers["host"].rpartition(":")[2]
            return Say(307, headers={"location": target.format(port)})
        return shop.answer(asked)

    with scripted(leads) as server:
        client = caching(server.address, settings=ONLY).client
        found = manifest(client)
        if "blobs" in path:
            found = blob(client, LAYER)
        assert found.status_code == 503
        assert "127.0.0.2" not in found.text.replace("127.0.0.2 has an address", "")
        assert not [each for each in server.asked if "meta-data" in each.path]


def test_a_token_service_is_held_to_the_rules(caching: Caching) -> None:
    def asks(asked: Asked) -> Say:
        port = asked.headers["host"].rpartition(":")[2]
        realm = f'Bearer realm="https://127.0.0.2:{port}/token",service="x"'
        return Say(401, headers={"www-authenticate": realm})

    with scripted(asks) as server:
        found = manifest(caching(server.address, settings=ONLY, **LOGIN).client)
        assert found.status_code == 503
        assert not [each for each in server.asked if "token" in each.path]


def test_a_login_does_not_follow_a_redirect(caching: Caching) -> None:
    shop = Shop()
    with scripted(shop.answer) as other:

        def leads(asked: Asked) -> Say:
            if "authorization" not in asked.headers:
                return Say(401, headers={"www-authenticate": 'Basic realm="x"'})
            if asked.path.endswith(digest(LAYER)):
                return Say(307, headers={"location": f"http://{other.address}{asked.path}"})
            return shop.answer(asked)

        with scripted(leads) as server:
            client = caching(server.address, settings=ONLY, **LOGIN).client
            assert manifest(client).content == MANIFEST
            assert blob(client, LAYER).content == LAYER
        assert [each.headers.get("authorization") for each in other.asked] == [None]


def test_what_a_client_shows_stays_here(caching: Caching) -> None:
    shop = Shop()
    with scripted(shop.answer) as server:
        client = caching(server.address, settings=ONLY).client
        client.get("/v2/hub/team/app/manifests/1", headers={"authorization": "Basic eDp5"})
        assert [each.headers.get("authorization") for each in server.asked] == [None]


def test_a_name_that_changes_its_mind_changes_nothing() -> None:
    """DNS rebinding: what was resolved is what is connected to."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    ways = guarded.ways(
        ssl.create_default_context(), (network("127.0.0.0/8"),), resolve=lambda *_: next(answers)
    )
    with scripted(Shop().answer) as server, httpx2.Client(mounts=ways, trust_env=False) as client:
        port = server.address.rpartition(":")[2]
        url = f"http://moves.test:{port}/v2/team/app/manifests/1"
        assert client.get(url, headers={"connection": "close"}).status_code == 200
        with pytest.raises(httpx2.ConnectError, match="not global"):
            client.get(url)


@pytest.mark.parametrize(
    ("scheme", "address"),
    [
        ("https", "169.254.169.254"),
        ("https", "10.0.0.1"),
        ("https", "::ffff:10.0.0.1"),
        ("http", "93.184.215.14"),
        ("http", "192.168.1.1"),
    ],
)
def test_no_way_leads_there(scheme: str, address: str) -> None:
    ways = guarded.ways(
        ssl.create_default_context(), (network("192.168.0.0/16"),), resolve=lambda *_: [address]
    )
    with httpx2.Client(mounts=ways, trust_env=False) as client, pytest.raises(httpx2.ConnectError):
        client.get(f"{scheme}://somewhere.test/")


def test_an_upstream_that_hangs_holds_up_nobody_else(caching: Caching) -> None:
    """Neither what lies here, nor, once it is known to fail, those who stand in line for it."""
    shop = Shop(hangs=threading.Event())
    with scripted(shop.answer) as server, ThreadPoolExecutor(60) as threads:
        assert shop.hangs is not None
        served = caching(server.address)
        put_image(served.client, "team/app", "1", b"layer")
        with httpx.Client(base_url=served.url, limits=MANY, timeout=30) as client:
            cold = [threads.submit(manifest, client, "1", f"hub/team/{n}") for n in range(60)]
            until(lambda: len(server.asked) == 8)
            for _ in range(20):
                assert manifest(served.client, "1", "team/app").status_code == 200
                assert served.client.get("/v2/team/app/tags/list").status_code == 200
            assert not any(each.done() for each in cold)  # upstream is waited for still
            shop.says = Say(503)
            shop.hangs.set()
            assert {each.result().status_code for each in cold} == {503}
        assert len(server.asked) < 60


def test_layers_in_line_for_an_upstream_that_fails_are_not_tried(caching: Caching) -> None:
    """Each would take as long as those before it."""
    layers = [bytes([n]) * 100_000 for n in range(40)]
    many = dump(image(*layers))
    shop = Shop({"1": many}, blobs=layers)
    with scripted(shop.answer) as server, ThreadPoolExecutor(40) as threads:
        served = caching(server.address)
        with httpx.Client(base_url=served.url, limits=MANY, timeout=60) as client:
            assert manifest(client).status_code == 200
            shop.hangs = threading.Event()
            cold = [threads.submit(blob, client, each) for each in layers]
            until(lambda: len(blobs(server)) == 8)
            shop.says = Say(503)
            shop.hangs.set()
            assert {each.result().status_code for each in cold} == {503}
    assert len(blobs(server)) == 8


def blobs(server: Scripted) -> set[str]:
    """Which were asked for."""
    return {asked.path for asked in server.asked if "/blobs/" in asked.path}
