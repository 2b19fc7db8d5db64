"""How often the other registry is asked, and whose turn it is: by counts."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.content import dump, image, put_blob, put_image, put_manifest
from tests.served import Served
from tests.upkeep.replication.conftest import (
    Office,
    compare,
    items,
    push_index,
    rule,
    standing,
    still,
    tell,
)
from tests.upstream.cache.shop import MANIFEST, Shop, opened
from tests.upstream.scripted import Say, Scripted
from tests.upstream.shelf import Shelf, shelf
from tests.waiting import until

from entrepot.db import place, replication_tags
from entrepot.db.replication_tags import Outcome, State
from entrepot.db.replications import Direction
from entrepot.upkeep.replication import line

APP = "team/app"
PULL = Direction.PULL


@pytest.fixture
def near(office: Office) -> Served:
    return office("near")


@pytest.fixture
def far() -> Iterator[tuple[Shelf, Scripted]]:
    with shelf() as found:
        yield found


def methods(server: Scripted) -> Counter[str]:
    return Counter(each.method for each in server.asked)


def test_what_a_wrong_clock_put_off_for_years_is_copied(
    near: Served, far: tuple[Shelf, Scripted]
) -> None:
    put_image(near.client, APP, "1", b"one")
    rule(near.folder, "far", f"http://{far[1].address}")
    still(near.folder, "far")
    late = time.time() + 1e9
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        replication_tags.enlist(db, "far", [((APP, "1", False), late)], late)
    assert standing(near.folder, "far").waiting == 1
    still(near.folder, "far")


def test_a_new_image_that_is_pushed(near: Served, far: tuple[Shelf, Scripted]) -> None:
    put_image(near.client, APP, "1", b"layer")
    rule(near.folder, "far", f"http://{far[1].address}", APP)
    still(near.folder, "far")
    assert len(items(near.folder, "far")) == 1
    # The tag, the manifest and two blobs are looked for; a blob takes a POST and a PUT.
    assert methods(far[1]) == {"HEAD": 4, "POST": 2, "PUT": 3}


def test_an_index_that_is_pushed(near: Served, far: tuple[Shelf, Scripted]) -> None:
    push_index(near.client, APP, "1", b"a", b"b", b"c")
    rule(near.folder, "far", f"http://{far[1].address}", APP)
    still(near.folder, "far")
    # The tag, four manifests and four blobs, each once.
    assert methods(far[1]) == {"HEAD": 9, "POST": 4, "PUT": 8}


def test_a_compare_of_what_is_the_same(near: Served, far: tuple[Shelf, Scripted]) -> None:
    for number in range(5):
        put_image(near.client, APP, f"1.{number}", b"%d" % number)
    rule(near.folder, "far", f"http://{far[1].address}", APP)
    still(near.folder, "far")
    far[1].asked.clear()
    compare(near.folder, "far")
    assert methods(far[1]) == {"HEAD": 5}


def test_a_new_image_that_is_pulled(near: Served) -> None:
    with opened() as (shop, server):
        shop.has_api = False
        rule(near.folder, "far", f"http://{server.address}", APP, direction=PULL, every=3600.0)
        still(near.folder, "far")
        # Only the tag itself: no signature is looked for, since no tag is called like one.
        assert heads(server) == ["1"]


def test_a_whole_compare_of_what_was_pulled(near: Served) -> None:
    with opened() as (shop, server):
        shop.tags |= {f"1.{number}": dump(image(b"%d" % number)) for number in range(5)}
        shop.blobs += [b"%d" % number for number in range(5)]
        shop.manifests += list(shop.tags.values())
        rule(near.folder, "far", f"http://{server.address}", APP, direction=PULL, every=3600.0)
        still(near.folder, "far")
        assert len(items(near.folder, "far")) == len(shop.tags)
        server.asked.clear()
        compare(near.folder, "far")
        assert sorted(heads(server)) == sorted(shop.tags)
        kinds = Counter(path.split("/")[4] for path in server.paths())
        assert kinds == {"tags": 1, "referrers": len(shop.tags)}


def heads(server: Scripted) -> list[str]:
    return [path.rpartition("/")[2] for path in server.paths("HEAD")]


def test_a_compare_that_breaks_off_asks_no_more(near: Served) -> None:
    with opened() as (shop, server):
        shop.tags = {f"1.{number}": MANIFEST for number in range(line.PART)}
        rule(near.folder, "far", f"http://{server.address}", APP, direction=PULL, paused=True)
        known(near, list(shop.tags))
        away(shop)
        resume(near)
        until(lambda: heads(server))
        until(lambda: trouble(near))
        assert len(heads(server)) < line.PART / 2


def known(near: Served, tags: list[str]) -> None:
    """Say that both ends had them the same."""
    entries = [((APP, tag, False), 1.0) for tag in tags]
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        replication_tags.enlist(db, "far", entries, 1.0)
        for item in replication_tags.due(db, "far", 2.0, len(tags)):
            replication_tags.end(db, item, Outcome(State.DONE, "sha256:1"), 2.0)


def away(shop: Shop) -> None:
    """Whoever looks for a tag is told to come again."""
    shop.says, shop.ends = Say(503), tuple(f"/manifests/{tag}" for tag in shop.tags)


def resume(near: Served) -> None:
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        db.execute("update replication set paused = 0")
    tell(near.folder)


def trouble(near: Served) -> str:
    with closing(place.find(near.folder, "").connect()) as db:
        return str(db.execute("select error from replication").fetchone()[0])


def test_what_changes_goes_before_what_a_compare_found(
    near: Served, far: tuple[Shelf, Scripted]
) -> None:
    found = 60
    put_image(near.client, APP, "0", b"layer")
    for number in range(1, found):
        put_manifest(near.client, APP, str(number), image(b"layer", annotations={"n": str(number)}))
    far[0].gate = threading.Event()
    rule(near.folder, "far", f"http://{far[1].address}", APP)
    until(lambda: standing(near.folder, "far").waiting == found)
    put_image(near.client, APP, "new", b"new")
    until(lambda: standing(near.folder, "far").waiting == found + 1)
    far[0].gate.set()
    still(near.folder, "far")
    assert len(far[0].put) == found + 1
    assert far[0].put.index("new") < 2 * 4 + 1  # those that were under way, each with its next


def test_many_tags_are_put_in_line_some_at_a_time(near: Served) -> None:
    many = {(APP, str(number), False): 1.0 for number in range(2 * line.PART + 1)}
    assert [len(some) for some in line.parts(many)] == [line.PART, line.PART, 1]
    assert [each for some in line.parts(many) for each in some] == list(many.items())


def test_one_page_says_which_signatures_an_entrepot_has(near: Served, office: Office) -> None:
    far = office("far")
    root = put_image(far.client, APP, "1", b"layer")
    cosign = f"{root.replace(':', '-')}.sig"
    put_blob(far.client, APP, b"signature")
    put_manifest(far.client, APP, cosign, image(b"signature"))
    rule(near.folder, "far", far.url, APP, direction=PULL)
    still(near.folder, "far")
    assert near.client.head(f"/v2/{APP}/manifests/{cosign}").status_code == 200
