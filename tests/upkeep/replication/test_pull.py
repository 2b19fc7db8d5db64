"""Images that a registry copies from another one."""

from collections.abc import Iterator
from contextlib import closing
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
    rule,
    sign,
    standing,
    still,
    whole,
)
from tests.upstream.cache.shop import LAYER, opened
from tests.upstream.weather import Mood, weather
from tests.waiting import until

from entrepot.db import place, projects, quarantine
from entrepot.db.projects import Project
from entrepot.db.replication_tags import State
from entrepot.db.replications import Direction

APP = "team/app"
LAYERS = [Random(number).randbytes(100_000 + number) for number in range(3)]
PULL = Direction.PULL


@pytest.fixture
def near(office: Office) -> Served:
    return office("near")


@pytest.fixture(params=["entrepot", "docker-registry"])
def far(request: pytest.FixtureRequest, office: Office) -> Iterator[httpx.Client]:
    peer = request.param == "docker-registry"
    address = request.getfixturevalue("peer") if peer else office("far").url
    with httpx.Client(base_url=address) as client:
        yield client


def url(client: httpx.Client) -> str:
    return str(client.base_url).rstrip("/")


def test_what_is_there_and_what_comes(near: Served, far: httpx.Client) -> None:
    root = give(far, APP, "1.0", LAYERS[0], LAYERS[1])
    rule(near.folder, "far", url(far), direction=PULL, target="copies", every=0.5)
    still(near.folder, "far")
    assert held(near.url, f"copies/{APP}", "1.0") == root
    assert whole(near.url, f"copies/{APP}", "1.0") == whole(url(far), APP, "1.0")
    moved = give(far, APP, "1.0", LAYERS[2])
    until(lambda: held(near.url, f"copies/{APP}", "1.0") == moved)


def test_signatures_that_come_later(near: Served, office: Office) -> None:
    far = office("far").client
    root = push_index(far, APP, "1.0", LAYERS[0])
    rule(near.folder, "far", url(far), direction=PULL, every=0.5)
    still(near.folder, "far")
    late = sign(far, APP, root)
    until(lambda: held(near.url, APP, late) == late)


def test_deletions(near: Served, far: httpx.Client) -> None:
    give(far, APP, "1.0", LAYERS[0])
    two = give(far, APP, "2.0", LAYERS[1])
    rule(near.folder, "far", url(far), direction=PULL, deletions=True)
    still(near.folder, "far")
    assert far.delete(f"/v2/{APP}/manifests/{two}").status_code == 202
    compare(near.folder, "far")
    until(lambda: held(near.url, APP, "2.0") is None)
    assert held(near.url, APP, "1.0")


def test_a_repository_that_is_broken_there_holds_up_none_behind_it(
    near: Served, far: httpx.Client
) -> None:
    broken = give(far, "team/a", "1.0", LAYERS[0])
    other = give(far, "team/b", "1.0", LAYERS[1])
    with weather(url(far).removeprefix("http://")) as between:
        between.moods["team/a"] = Mood.FAILING
        rule(near.folder, "far", f"http://{between.address}", direction=PULL)
        until(lambda: held(near.url, "team/b", "1.0") == other, lambda: found(near.folder, "far"))
        until(lambda: "team/a was not compared" in found(near.folder, "far").error)
        between.moods.clear()
        compare(near.folder, "far")
        until(lambda: held(near.url, "team/a", "1.0") == broken)


def test_what_was_put_here_by_others_stays(near: Served, far: httpx.Client) -> None:
    ours = put_image(near.client, APP, "1.0", LAYERS[0])
    give(far, APP, "1.0", LAYERS[1])
    rule(near.folder, "far", url(far), direction=PULL, deletions=True)
    still(near.folder, "far")
    (item,) = items(near.folder, "far")
    assert item.state is State.CONFLICT
    assert "put here by somebody else: it stays" in item.error
    assert held(near.url, APP, "1.0") == ours
    assert standing(near.folder, "far").conflicts == 1


def test_one_repository_needs_no_catalogue(near: Served, far: httpx.Client) -> None:
    one = give(far, APP, "1.0", LAYERS[0])
    give(far, "team/other", "1.0", LAYERS[0])
    rule(near.folder, "far", url(far), APP, direction=PULL)
    still(near.folder, "far")
    assert held(near.url, APP, "1.0") == one
    assert held(near.url, "team/other", "1.0") is None


@pytest.mark.parametrize("kind", quarantine.Kind)
def test_what_is_damaged_here_comes_again(
    kind: quarantine.Kind, near: Served, far: httpx.Client
) -> None:
    near.settle()
    one = give(far, APP, "1.0", LAYERS[0], b"small")
    rule(near.folder, "far", url(far), direction=PULL)
    still(near.folder, "far")
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        for each in quarantine.after(db, kind, 0, 10):
            assert quarantine.quarantine(db, each, "test")
    compare(near.folder, "far")
    until(lambda: held(near.url, APP, "1.0") == one)
    still(near.folder, "far")
    whole(near.url, APP, "1.0")


def test_what_has_no_room_is_not_asked_for(near: Served) -> None:
    with opened() as (_, server):
        with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
            projects.create(db, Project("team", quota=len(LAYER) - 1), by="test")
        rule(near.folder, "far", f"http://{server.address}", direction=PULL, pattern=APP)
        until(lambda: standing(near.folder, "far").failing)
        assert "project team may have 2.9 MiB and has" in standing(near.folder, "far").error
        assert f"/v2/{APP}/blobs/{digest(LAYER)}" not in server.paths()
