"""Tags are compared with their upstream; while that fails what is kept is served, and says so."""

import json
import threading
import time
from contextlib import closing
from email.utils import formatdate

import httpx
import pytest
from tests.content import digest, dump, image
from tests.served import Served
from tests.upstream.cache.conftest import Caching
from tests.upstream.cache.shop import LAYER, MANIFEST, OTHER, SMALL, Shop, opened
from tests.upstream.cache.test_fetching import APP, asked, blob, manifest, pull
from tests.upstream.scripted import Say
from tests.waiting import until

from entrepot.db import engine, immutable_rules, tags
from entrepot.oci.names import Repository, Tag


def rows(served: Served, query: str) -> list[tuple[object, ...]]:
    with closing(engine.connect(served.folder)) as db:
        found: list[tuple[object, ...]] = db.execute(query).fetchall()
        return found


def metric(client: httpx.Client, result: str) -> float:
    text = client.get("/metrics").text
    wanted = f'project="hub",result="{result}",what="manifest"'
    lines = [line for line in text.splitlines() if "entrepot_cache_answers_total{" in line]
    return sum(float(line.rpartition(" ")[2]) for line in lines if wanted in line)


def test_a_tag_is_not_asked_for_until_its_time_has_come(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address, tag_seconds=3600).client
        manifest(client)
        shop.tags["1"] = OTHER
        for _ in range(3):
            assert manifest(client).content == MANIFEST
        assert len(server.asked) == 1


def test_a_clock_that_was_wrong_holds_up_nothing(caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address, tag_seconds=0.1)
        manifest(served.client)
        with closing(engine.connect(served.folder)) as db, db.exclusive():
            db.execute("update upstream_check set checked_at = checked_at + 1e8")
        shop.tags["1"] = OTHER
        time.sleep(0.2)
        assert manifest(served.client).content == OTHER


def test_then_it_is_compared_by_head(caching: Caching) -> None:
    with opened() as (_, server):
        client = caching(server.address, tag_seconds=0.2).client
        manifest(client)
        time.sleep(0.3)
        found = manifest(client)
        assert found.content == MANIFEST
        assert "warning" not in found.headers
        assert [each.method for each in server.asked] == ["GET", "HEAD"]
        assert metric(client, "confirmed") == 1


def test_a_tag_that_moved_moves_here(caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address, tag_seconds=0.2)
        manifest(served.client)
        shop.tags["1"] = OTHER
        time.sleep(0.3)
        assert manifest(served.client).content == OTHER
        assert server.paths()[1:] == [f"/v2/team/app/manifests/{digest(OTHER)}"]
        moves = "select actor, old, new from change where kind = 'tagged' order by id"
        assert rows(served, moves) == [
            ("upstream:hub", None, digest(MANIFEST)),
            ("upstream:hub", digest(MANIFEST), digest(OTHER)),
        ]


TROUBLES = {
    "busy": Say(429, b'{"errors": [{"message": "pull rate limit"}]}', {"retry-after": "60"}),
    "failing": Say(500),
    "unavailable": Say(503),
    "our login ended": Say(401, headers={"www-authenticate": 'Basic realm="x"'}),
    "forbidden": Say(403),
    "nobody behind a proxy": Say(404, b"<html>", {"content-type": "text/html"}),
    "nonsense": Say(200, b"<html>", {"docker-content-digest": "latest"}),
}


@pytest.mark.parametrize("says", TROUBLES.values(), ids=TROUBLES)
def test_what_is_kept_is_served_while_upstream_fails(says: Say, caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address, tag_seconds=0.2)
        client = served.client
        pull(client)
        shop.says = says
        time.sleep(0.3)
        found = manifest(client)
        assert found.content == MANIFEST
        assert found.headers["warning"].startswith('299 - "hub/team/app:1 may be old: ')
        assert "docker login" not in found.headers["warning"]  # which does not log in the cache
        assert metric(client, "stale") == 1
        assert blob(client, LAYER).content == LAYER
        before = len(server.asked)
        for _ in range(5):
            assert manifest(client).headers["warning"]
        assert len(server.asked) == before
    deadline = time.monotonic() + 60
    audit = "select detail from audit where action = 'serve stale'"
    while not (told := rows(served, audit)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(told) == 1
    assert "why" in json.loads(str(told[0][0]))


def test_a_hanging_upstream_is_waited_for_briefly(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address, tag_seconds=0.1).client
        pull(client)
        shop.hangs = threading.Event()
        time.sleep(0.2)
        assert "takes longer than 4 s" in manifest(client).headers["warning"]
        shop.hangs.set()


def test_what_is_not_kept_says_what_is_wrong(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address).client
        shop.says = TROUBLES["busy"]
        found = manifest(client)
        assert found.status_code == 429
        assert found.headers["retry-after"] == "60"
        assert "pull rate limit" in found.text
        before = len(server.asked)
        assert manifest(client, "2").status_code in (429, 503)
        assert len(server.asked) == before, "it was asked again before its time"


def test_a_date_until_which_it_wants_to_be_left_alone(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address).client
        shop.says = Say(429, headers={"retry-after": formatdate(time.time() + 100, usegmt=True)})
        for _ in range(2):
            assert 40 < int(manifest(client).headers["retry-after"]) <= 100
        assert len(server.asked) == 1


def test_a_failing_upstream_is_left_alone(
    caching: Caching, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "entrepot.cache")
    with opened() as (shop, server):
        client = caching(server.address).client
        shop.says = Say(500)
        for number in range(12):
            assert manifest(client, f"v{number}").status_code == 503
        assert len(server.asked) < 24, "each is tried twice"
        shop.says = None
        until(lambda: manifest(client).content == MANIFEST)
        assert manifest(client, "1").status_code == 200
        said = [each for each in caplog.messages if each.startswith("project hub")]
        assert said == [
            f"project hub serves what it has: {server.address}: HTTP status 500",
            f"project hub: {server.address} answers again",
        ]


def test_why_it_is_not_to_be_had_is_told_each_time(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address).client
        shop.says = TROUBLES["our login ended"]
        for _ in range(2):
            assert "it has no login" in manifest(client).text
        assert len(server.asked) == 1


@pytest.mark.parametrize("reference", ["2", digest(b"nothing")])
def test_what_is_not_there_is_not_asked_for_again(reference: str, caching: Caching) -> None:
    with opened() as (_, server):
        client = caching(server.address).client
        for _ in range(3):
            found = manifest(client, reference)
            assert found.status_code == 404
            assert found.json()["errors"][0]["code"] == "MANIFEST_UNKNOWN"
        assert len(server.asked) == 1
        assert manifest(client).content == MANIFEST


def test_a_tag_that_is_gone_goes_into_the_trash(caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address, tag_seconds=0.1)
        pull(served.client)
        del shop.tags["1"]
        time.sleep(0.2)
        assert manifest(served.client).status_code == 404
        assert manifest(served.client, digest(MANIFEST)).content == MANIFEST
        gone = rows(served, "select reason from change where kind = 'untagged'")
        assert gone == [("its upstream has it no more",)]


def test_what_a_tag_means_there_is_not_to_be_had(caching: Caching) -> None:
    """It has moved, and who is asked for what it means has not heard of that yet."""
    with opened() as (shop, server):
        client = caching(server.address, tag_seconds=0.1).client
        pull(client)
        shop.headers = {"docker-content-digest": digest(OTHER)}
        shop.manifests.remove(OTHER)
        time.sleep(0.2)
        found = manifest(client)
        assert found.content == MANIFEST
        assert "may be old" in found.headers["warning"]
        shop.headers = {}
        shop.manifests.append(OTHER)
        shop.tags["1"] = OTHER


def test_a_tag_that_holds_still_here_stays(caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address, tag_seconds=0.1)
        pull(served.client)
        with closing(engine.connect(served.folder)) as db, db.exclusive():
            immutable_rules.set_globs(db, "hub", ["*"], by="user:alice")
        shop.tags["1"] = OTHER
        time.sleep(0.2)
        found = manifest(served.client)
        assert found.content == MANIFEST
        assert "stays as it is here" in found.headers["warning"]


def lying(shop: Shop, content: bytes) -> None:
    shop.lies[digest(content)] = content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("reference", ["1", digest(MANIFEST)])
def test_a_manifest_that_is_another_is_not_kept(reference: str, caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address)
        shop.lies[digest(MANIFEST)] = dump(image(SMALL, LAYER))
        assert manifest(served.client, reference).status_code == 502
        assert rows(served, "select count(*) from manifest") == [(0,)]


@pytest.mark.parametrize("content", [LAYER, SMALL], ids=["large", "small"])
def test_a_blob_that_is_another_is_neither_kept_nor_handed_out(
    content: bytes, caching: Caching
) -> None:
    with opened() as (shop, server):
        served = caching(server.address)
        manifest(served.client)
        lying(shop, content)
        try:
            found = blob(served.client, content)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            assert content is LAYER  # it was on its way, and is cut off before its end
        else:
            assert found.status_code == 502
        assert rows(served, "select count(*) from blob") == [(0,)]
        assert rows(served, "select count(*) from piece") == [(0,)]
        shop.lies.clear()
        assert blob(served.client, content).content == content
        assert asked(server, content)


@pytest.mark.parametrize("more", [b"x", b""])
def test_a_blob_of_another_size_is_refused(more: bytes, caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address)
        manifest(served.client)
        shop.lies[digest(SMALL)] = SMALL + more if more else SMALL[:-1]
        assert blob(served.client, SMALL).status_code == 502


def test_denied_patterns_and_sizes(caching: Caching) -> None:
    with opened() as (_, server):
        client = caching(server.address, deny=("team/evil/*",), largest=3_001_000).client
        found = manifest(client, name="hub/team/evil/app")
        assert found.status_code == 403
        assert "patterns leave it out" in found.text
        assert manifest(client).status_code == 403
        assert manifest(client, digest(OTHER)).status_code == 200
        assert len(server.asked) == 2


def test_tags_are_those_that_were_asked_for(caching: Caching) -> None:
    with opened() as (_, server):
        served = caching(server.address)
        pull(served.client)
        with closing(engine.connect(served.folder)) as db:
            assert tags.digest_of(db, Repository(APP), Tag("1")) == digest(MANIFEST)


def test_nothing_is_pulled_beyond_what_is_allowed(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address, tag_seconds=0.1).client
        shop.headers = {"ratelimit-remaining": "0;w=21600"}
        pull(client)  # the layers of what was pulled still come
        shop.tags["1"] = OTHER
        time.sleep(0.2)
        found = manifest(client)
        assert found.content == MANIFEST
        assert "allows no more pulls" in found.headers["warning"]
        found = manifest(client, digest(OTHER))
        assert found.status_code == 429
        assert 10 < int(found.headers["retry-after"]) <= 60
        assert asked(server, OTHER) == []


def test_what_takes_long_is_there_later(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address, tag_seconds=0.1).client
        pull(client)
        shop.tags["1"] = OTHER
        shop.hangs = threading.Event()
        time.sleep(0.2)
        for _ in range(2):
            assert manifest(client).content == MANIFEST
        assert metric(client, "stale") == 1, "it was waited for once more"
        shop.hangs.set()
        shop.hangs = None
        until(lambda: manifest(client).content == OTHER)
