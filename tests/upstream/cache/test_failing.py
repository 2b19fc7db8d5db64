"""What is said of an upstream that fails, or does not take its login: metrics, and the API."""

import json
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.admin import office
from tests.content import digest
from tests.upstream.cache.conftest import Caching, stand_for
from tests.upstream.cache.shop import LAYER, MANIFEST, OTHER, SMALL, Shop, opened
from tests.upstream.cache.test_fetching import blob, manifest
from tests.upstream.scripted import Asked, Say, scripted

from entrepot.db import engine
from entrepot.db.audit import By, Event
from entrepot.db.changes import record_access
from entrepot.db.generation import Generation
from entrepot.upstream.cache.breaker import LIMIT, Breaker
from entrepot.upstream.cache.failing import FORGOTTEN, Failing

BASIC = {"www-authenticate": 'Basic realm="x"'}


def said(client: httpx.Client) -> tuple[float, float]:
    """For how long hub has been left alone, and its login has failed."""
    found = {
        family.name: sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if sample.labels.get("project") == "hub"
    }
    return (
        found["entrepot_upstream_resting_seconds"],
        found["entrepot_upstream_login_failing_seconds"],
    )


def test_since_when_something_fails() -> None:
    found = Failing()
    assert found.seconds(1) == 0
    found.failed(10, "broken")
    assert found.seconds(10) > 0
    found.failed(100, "still broken")
    assert (found.seconds(130), found.why) == (120, "still broken")
    assert found.seconds(100 + FORGOTTEN) == 0, "nobody has tried since"
    assert found.seconds(100 + FORGOTTEN, until=5000) == 90 + FORGOTTEN
    found.succeeded()
    assert found.seconds(131) == 0
    found.failed(200, "again")
    assert found.seconds(205) == 5


def test_a_breaker_is_open_until_it_answers() -> None:
    found = Breaker()
    for number in range(LIMIT):
        assert found.seconds(10) == 0
        found.failed(float(number), "broken")
    assert found.seconds(10) == 10 - (LIMIT - 1), "also while somebody may try"
    found.succeeded()
    assert found.seconds(11) == 0
    found.told(20, 3000, "pull rate limit")
    assert found.seconds(2000) == 1980


def test_an_upstream_that_fails_is_told_until_it_answers(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address).client
        assert said(client) == (0, 0)
        shop.says = Say(500)
        for number in range(LIMIT):
            assert manifest(client, f"v{number}").status_code == 503
        resting, refused = said(client)
        assert (0 < resting < 60, refused) == (True, 0)
        shop.says = None
        time.sleep(1.2)
        assert manifest(client).content == MANIFEST
        assert said(client) == (0, 0)


def test_a_page_in_place_of_a_layer_is_neither_handed_out_nor_gone_on_with(
    caching: Caching,
) -> None:
    with opened() as (shop, server):
        client = caching(server.address).client
        manifest(client)
        page = Say(200, b"<html>log in first</html>", {"content-type": "text/html"})
        shop.says, shop.ends = page, (digest(LAYER),)
        answer = blob(client, LAYER)
        assert (answer.status_code, said(client)[0]) == (502, 0)
        assert "sends 25 bytes for" in answer.text
        shop.says = None
        assert blob(client, LAYER).content == LAYER


def test_a_repository_that_is_broken_there_holds_up_no_other(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address).client
        shop.says, shop.ends = Say(500), ("/team/broken/manifests/1",)
        while not said(client)[0]:
            assert manifest(client, name="hub/team/broken").status_code == 503
        for _ in range(10 * LIMIT):
            assert manifest(client, name="hub/team/broken").status_code == 503
        assert manifest(client).content == MANIFEST


@pytest.mark.parametrize("wanted", [SMALL, LAYER], ids=["small", "large"])
def test_one_that_works_again_is_asked_though_nobody_wants_but_a_blob(
    wanted: bytes, caching: Caching
) -> None:
    with opened() as (shop, server):
        client = caching(server.address).client
        assert manifest(client).content == MANIFEST
        shop.says = Say(500)
        while not said(client)[0]:
            assert blob(client, wanted).status_code == 503
        shop.says, deadline = None, time.monotonic() + 60
        while (answer := blob(client, wanted)).status_code != 200:
            assert time.monotonic() < deadline, answer.text
            time.sleep(1.1)  # longer than the pause
        assert answer.content == wanted


def test_a_login_that_is_refused_is_told_until_it_is_taken(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address, login="team", secret="old").client
        shop.says = Say(401, headers=BASIC)
        assert manifest(client).status_code == 404
        resting, refused = said(client)
        assert (resting, 0 < refused < 60) == (0, True)
        shop.says = None
        assert manifest(client, digest(OTHER)).content == OTHER
        assert said(client) == (0, 0)


@pytest.mark.parametrize(
    ("says", "login"), [(Say(403), "team"), (Say(401, headers=BASIC), ""), (Say(404), "team")]
)
def test_what_one_may_not_see_is_no_fault_of_the_login(
    says: Say, login: str, caching: Caching
) -> None:
    with opened() as (shop, server):
        client = caching(server.address, login=login, secret="right").client
        shop.says = says
        assert manifest(client).status_code == 404
        assert said(client) == (0, 0)


@pytest.mark.parametrize(("status", "fails"), [(401, True), (403, False), (200, False)])
def test_what_a_token_service_says_of_it(status: int, fails: bool, caching: Caching) -> None:
    """With a token that is good for less, a registry's 401 is about what was asked for."""
    shop = Shop()

    def answer(asked: Asked) -> Say:
        if asked.path.startswith("/token"):
            return Say(status, json.dumps({"token": "t"}).encode())
        bearer = f'Bearer realm="http://{server.address}/token",service="x"'
        if status == 200:
            return Say(401, headers={"www-authenticate": bearer})
        known = asked.headers.get("authorization") == "Bearer t"
        return shop.answer(asked) if known else Say(401, headers={"www-authenticate": bearer})

    with scripted(answer) as server:
        client = caching(server.address, login="team", secret="x").client
        assert manifest(client).status_code == 404
        assert (said(client)[1] > 0) is fails


def test_the_api_says_why_and_since_when(tmp_path: Path) -> None:
    allow = {"outbound_allow": ("127.0.0.0/8",)}
    with opened() as (shop, server), office.opened(tmp_path / "data", **allow) as desk:
        stand_for(desk.served.folder, server.address, login="team", secret="old")
        shown = desk.admin.at.get("/upstreams/hub").json()
        assert (shown["trouble"], shown["trouble_since"]) == ("", None)
        shop.says = Say(401, b'{"errors": [{"message": "wrong password"}]}', BASIC)
        path, auth = "/v2/hub/team/app/manifests/1", ("x", desk.admin.token)
        assert desk.served.client.get(path, auth=auth).status_code == 404
        shown = desk.admin.at.get("/upstreams/hub").json()
        assert "refuses: wrong password" in shown["trouble"]
        assert shown["trouble_since"]
        assert "wrong password" not in desk.served.client.get("/metrics").text


def test_a_password_that_no_key_opens_is_no_login(caching: Caching) -> None:
    """What is kept is served, and the registry is asked by nobody's name instead."""
    with opened() as (_, server):
        served = caching(server.address, tag_seconds=0, login="bot", secret="word")
        assert manifest(served.client).content == MANIFEST
        with closing(engine.connect(served.folder)) as db, db.exclusive():
            db.execute("update upstream set secret = 'c2VhbGVk', key = 'gone'")
            record_access(db, Event("test", By("test")), "hub")
        Generation(served.folder).bump()
        before = len(server.asked)
        found = manifest(served.client)
        assert found.content == MANIFEST
        assert "this registry gets no login for it" in found.headers["warning"]
        assert blob(served.client, LAYER).status_code == 404
        assert len(server.asked) == before
