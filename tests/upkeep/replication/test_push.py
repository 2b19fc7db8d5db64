"""Images that a registry copies to another one: to an Entrepot, and to a docker-registry."""

import re
import time
from contextlib import closing
from dataclasses import replace
from random import Random

import httpx
import pytest
from tests.content import digest, put_image
from tests.served import Served
from tests.upkeep.replication.conftest import (
    Office,
    compare,
    found,
    give,
    held,
    items,
    push_index,
    referrers,
    rule,
    sign,
    standing,
    still,
    whole,
)
from tests.upstream.cache.conftest import stand_for
from tests.waiting import until

from entrepot.db import place, quarantine, replications
from entrepot.db.replication_tags import State

LAYERS = [Random(number).randbytes(100_000 + number) for number in range(3)]
APP = "team/app"


@pytest.fixture
def near(office: Office) -> Served:
    return office("near")


@pytest.fixture(params=["entrepot", "docker-registry"])
def far(request: pytest.FixtureRequest, office: Office) -> str:
    if request.param == "entrepot":
        return office("far").url
    url: str = request.getfixturevalue("peer")
    return url


def test_what_is_there_and_what_comes(near: Served, far: str) -> None:
    root = push_index(near.client, APP, "1.0", LAYERS[0], LAYERS[1])
    signature = sign(near.client, APP, root)
    cosign = f"{root.replace(':', '-')}.sig"
    by_cosign = put_image(near.client, APP, cosign, b"by cosign")
    rule(near.folder, "far", far, target="copies")
    still(near.folder, "far")
    assert held(far, f"copies/{APP}", "1.0") == root
    assert whole(far, f"copies/{APP}", "1.0") == whole(near.url, APP, "1.0")
    assert whole(far, f"copies/{APP}", signature) == whole(near.url, APP, signature)
    assert held(far, f"copies/{APP}", cosign) == by_cosign
    assert referrers(far, f"copies/{APP}", root) == [signature]

    new = put_image(near.client, APP, "1.1", LAYERS[2])
    until(lambda: held(far, f"copies/{APP}", "1.1") == new)
    late = sign(near.client, APP, new, b"late")
    until(lambda: held(far, f"copies/{APP}", late) == late)
    moved = put_image(near.client, APP, "1.1", LAYERS[0])
    until(lambda: held(far, f"copies/{APP}", "1.1") == moved)
    still(near.folder, "far")
    assert standing(near.folder, "far").done == 2


def test_deletions_where_that_is_wanted(near: Served, far: str) -> None:
    one = put_image(near.client, APP, "1.0", LAYERS[0])
    put_image(near.client, APP, "2.0", LAYERS[1])
    rule(near.folder, "far", far, deletions=True)
    still(near.folder, "far")
    assert near.client.delete(f"/v2/{APP}/manifests/2.0").status_code == 202
    until(lambda: held(far, APP, "2.0") is None)
    assert held(far, APP, "1.0") == one
    still(near.folder, "far")
    assert [(item.tag, item.error) for item in items(near.folder, "far")] == [("1.0", "")]


def test_what_is_something_else_by_now_is_not_deleted(near: Served, peer: str) -> None:
    put_image(near.client, APP, "1.0", LAYERS[0])
    rule(near.folder, "far", peer, deletions=True)
    still(near.folder, "far")
    with httpx.Client(base_url=peer) as client:
        other = give(client, APP, "1.0", LAYERS[1])
    assert near.client.delete(f"/v2/{APP}/manifests/1.0").status_code == 202
    until(lambda: items(near.folder, "far")[0].state is State.CONFLICT)
    assert "was not copied from here: it stays" in items(near.folder, "far")[0].error
    assert held(peer, APP, "1.0") == other


def test_no_deletions_where_they_are_not(near: Served, far: str) -> None:
    one = put_image(near.client, APP, "1.0", LAYERS[0])
    rule(near.folder, "far", far)
    still(near.folder, "far")
    assert near.client.delete(f"/v2/{APP}/manifests/1.0").status_code == 202
    until(lambda: not items(near.folder, "far"))
    assert held(far, APP, "1.0") == one


def test_what_is_meant_no_more_is_left_alone(near: Served, peer: str) -> None:
    one = put_image(near.client, APP, "1.0", LAYERS[0])
    two = put_image(near.client, APP, "2.0", LAYERS[1])
    rule(near.folder, "far", peer)
    still(near.folder, "far")
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        replications.put(db, replace(found(near.folder, "far"), tags=("1*",)))
    put_image(near.client, APP, "2.0", LAYERS[2])
    compare(near.folder, "far")
    until(lambda: [item.tag for item in items(near.folder, "far")] == ["1.0"])
    assert (held(peer, APP, "1.0"), held(peer, APP, "2.0")) == (one, two)


def test_a_compare_finds_what_is_missing_or_other(near: Served, far: str) -> None:
    one = put_image(near.client, APP, "1.0", LAYERS[0])
    rule(near.folder, "far", far)
    still(near.folder, "far")
    assert httpx.delete(f"{far}/v2/{APP}/manifests/{one}").status_code == 202
    assert held(far, APP, "1.0") is None
    compare(near.folder, "far")
    until(lambda: held(far, APP, "1.0") == one)


def test_a_tag_that_cannot_be_compared_holds_up_no_other(near: Served, peer: str) -> None:
    near.settle()
    one, two = (put_image(near.client, APP, f"{n}.0", LAYERS[n]) for n in (1, 2))
    rule(near.folder, "far", peer)
    still(near.folder, "far")
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        for each in quarantine.manifests(db, one):
            assert quarantine.quarantine(db, each, "test")
    assert httpx.delete(f"{peer}/v2/{APP}/manifests/{two}").status_code == 202
    compare(near.folder, "far")
    until(lambda: held(peer, APP, "2.0") == two)
    assert f"{APP}:1.0 was not compared: " in found(near.folder, "far").error


def test_what_lost_its_layers_gets_them_again(near: Served, office: Office) -> None:
    far = office("far")
    one = put_image(near.client, APP, "1.0", LAYERS[0])
    rule(near.folder, "far", far.url)
    still(near.folder, "far")
    assert far.client.delete(f"/v2/{APP}/manifests/{one}").status_code == 202
    blob = f"/v2/{APP}/blobs/{digest(LAYERS[0])}"
    assert far.client.delete(blob).status_code == 202
    assert far.client.head(blob).status_code == 404
    compare(near.folder, "far")
    until(lambda: held(far.url, APP, "1.0") == one)
    whole(far.url, APP, "1.0")


def test_only_what_the_rule_means(near: Served, peer: str) -> None:
    for tag in ("1.0.0", "1.2.3", "2.0.0", "latest"):
        put_image(near.client, APP, tag, LAYERS[0])
    put_image(near.client, "other/app", "1.2.3", LAYERS[0])
    rule(near.folder, "some", peer, versions="^1.1")
    still(near.folder, "some")
    rule(near.folder, "named", peer, target="named", tags=("l*",))
    still(near.folder, "named")
    listed = httpx.get(f"{peer}/v2/_catalog").json()["repositories"]
    assert listed == ["named/team/app", APP]
    assert httpx.get(f"{peer}/v2/{APP}/tags/list").json()["tags"] == ["1.2.3"]
    assert httpx.get(f"{peer}/v2/named/{APP}/tags/list").json()["tags"] == ["latest"]


def test_nothing_of_a_project_that_stands_for_another_registry(near: Served, peer: str) -> None:
    put_image(near.client, "hub/app", "1.0", LAYERS[0])
    stand_for(near.folder, "up.test")
    rule(near.folder, "far", peer, "*")
    put_image(near.client, APP, "1.0", LAYERS[0])
    still(near.folder, "far")
    until(lambda: held(peer, APP, "1.0"))
    assert httpx.get(f"{peer}/v2/_catalog").json()["repositories"] == [APP]


def test_a_layer_of_two_repositories_is_sent_once(near: Served, office: Office) -> None:
    far = office("far")
    rule(near.folder, "far", far.url)
    one = put_image(near.client, APP, "1.0", LAYERS[0])
    until(lambda: held(far.url, APP, "1.0") == one)
    still(near.folder, "far")
    put_image(near.client, "team/other", "1.0", LAYERS[0])
    until(lambda: held(far.url, "team/other", "1.0") == one)
    whole(far.url, "team/other", "1.0")
    found = re.compile(r"^entrepot_received_bytes_total.* ([0-9.e+]+)$", re.MULTILINE).findall
    received = found(far.client.get("/metrics").text)
    assert len(LAYERS[0]) < sum(map(float, received)) < 1.5 * len(LAYERS[0])


def test_one_that_is_away_and_comes_back(near: Served, office: Office) -> None:
    put_image(near.client, APP, "1.0", LAYERS[0])
    rule(near.folder, "far", "http://127.0.0.1:9")
    until(lambda: standing(near.folder, "far").failing or _error(near))
    assert "127.0.0.1:9" in _error(near)


def _error(near: Served) -> str:
    return found(near.folder, "far").error or standing(near.folder, "far").error


def test_large_layers_come_whole_and_no_faster_than_they_may(near: Served, far: str) -> None:
    layer = Random(9).randbytes(3_000_000)
    put_image(near.client, APP, "big", layer)
    began = time.monotonic()
    rule(near.folder, "far", far, rate=2_000_000)
    still(near.folder, "far")
    assert time.monotonic() - began > 0.8  # what is sent first goes at once
    assert digest(layer) in whole(far, APP, "big")
