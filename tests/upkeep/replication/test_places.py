"""How many large images are copied at once, and that a rule that changes holds up nobody."""

import threading
from contextlib import closing

import pytest
from tests.content import dump, image
from tests.served import Served
from tests.upkeep.replication.conftest import Office, items, rule, tell
from tests.upstream.cache.shop import MANIFEST, SMALL, Shop, opened
from tests.upstream.scripted import Asked, Say, scripted
from tests.waiting import until

from entrepot.db import place, replication_tags
from entrepot.db.replication_tags import State
from entrepot.db.replications import Direction
from entrepot.upkeep.replication.places import LARGE, MOST, FullError, Places
from entrepot.upkeep.replication.worker import AT_ONCE

APP = "team/app"
PULL = Direction.PULL


@pytest.fixture
def near(office: Office) -> Served:
    return office("near")


def test_small_ones_need_no_place() -> None:
    found = Places()
    held = [found.held(LARGE) for _ in range(MOST)]
    assert [each.__enter__() for each in held] == [False] * MOST
    with pytest.raises(FullError), found.held(LARGE):
        pass
    with found.held(LARGE - 1) as light:
        assert light
    held[0].__exit__(None, None, None)
    with found.held(LARGE):
        assert found.left == 0


def huge(shop: Shop, count: int) -> list[str]:
    """Images whose layers are large and do not come; their tags."""
    ends = list[str]()
    for number in range(count):
        document = image(b"%d" % number, b"more of %d" % number)
        for layer in document["layers"]:
            layer["size"] = LARGE
            ends.append(layer["digest"])
        shop.tags[f"huge{number}"] = dump(document)
        shop.manifests.append(dump(document))
    shop.hangs, shop.ends = threading.Event(), tuple(ends)
    return [tag for tag in shop.tags if tag.startswith("huge")]


def test_large_images_leave_a_place_to_small_ones(near: Served) -> None:
    with opened() as (shop, server):
        first = huge(shop, 2 * AT_ONCE)
        shop.tags |= {"1": MANIFEST, "2": dump(image(SMALL))}
        rule(near.folder, "far", f"http://{server.address}", APP, direction=PULL, paused=True)
        with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
            for turn, tag in enumerate([*first, "1", "2"]):
                replication_tags.enlist(db, "far", [((APP, tag, False), 1.0)], turn)
            db.execute("update replication set paused = 0")
        tell(near.folder)
        until(lambda: done(near) == {"1", "2"}, lambda: items(near.folder, "far"))
        assert len(items(near.folder, "far")) == len(first) + 2
        assert shop.hangs is not None
        shop.hangs.set()


def done(near: Served) -> set[str]:
    return {each.tag for each in items(near.folder, "far") if each.state is State.DONE}


def test_one_that_wants_to_be_left_alone_holds_up_no_change_of_its_rule(near: Served) -> None:
    busy = threading.Event()
    with opened() as (shop, _):

        def answer(asked: Asked) -> Say:
            if "/blobs/" in asked.path and not busy.is_set():
                busy.set()
                return Say(503, headers={"retry-after": "50"})
            return shop.answer(asked)

        with scripted(answer) as server:
            rule(near.folder, "far", f"http://{server.address}", APP, direction=PULL)
            assert busy.wait(60)
            with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
                db.execute("update replication set rate = 100000000")
            tell(near.folder)
            until(lambda: done(near) == {"1"}, lambda: items(near.folder, "far"))
