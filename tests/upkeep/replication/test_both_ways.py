"""Two registries that copy to each other: no loops, and both come to mean the same."""

import threading
import time
from contextlib import closing

import httpx
import pytest
from tests.content import dump, image, put_image, try_manifest
from tests.served import Served
from tests.upkeep.replication.conftest import Office, compare, held, items, rule, still
from tests.waiting import until

from entrepot.db import place
from entrepot.db.replication_tags import State

APP = "team/app"
LAYERS = [bytes([number]) * 1000 for number in range(8)]


@pytest.fixture
def pair(office: Office) -> tuple[Served, Served]:
    """Each pushes to the other."""
    one, two = office("one"), office("two")
    rule(one.folder, "to-two", two.url, deletions=True)
    rule(two.folder, "to-one", one.url, deletions=True)
    still(one.folder, "to-two")
    still(two.folder, "to-one")
    return one, two


def newest(served: Served) -> int:
    """The last change of a repository."""
    with closing(place.find(served.folder, "").connect()) as db:
        (found,) = db.execute("select max(id) from change where kind <> 'access'").fetchone()
        return int(found)


def quiet(one: Served, two: Served) -> None:
    """Wait until neither has anything to do."""
    until(lambda: not _waiting(one, "to-two") and not _waiting(two, "to-one"))


def _waiting(served: Served, name: str) -> bool:
    return any(item.state is State.WAITING for item in items(served.folder, name))


def test_what_comes_at_either_is_at_both_and_then_all_is_quiet(pair: tuple[Served, Served]) -> None:
    one, two = pair
    first = put_image(one.client, APP, "1.0", LAYERS[0])
    second = put_image(two.client, APP, "2.0", LAYERS[1])
    until(lambda: held(two.url, APP, "1.0") == first and held(one.url, APP, "2.0") == second)
    quiet(one, two)
    before = newest(one), newest(two)
    compare(one.folder, "to-two")
    compare(two.folder, "to-one")
    quiet(one, two)
    assert (newest(one), newest(two)) == before
    history = "select reason from change where kind = 'tagged' and reference = '1.0'"
    with closing(place.find(two.folder, "").connect()) as db:
        ((reason,),) = db.execute(history).fetchall()
    assert reason.startswith("copied by to-two from ")


def test_deletions_go_both_ways_and_end(pair: tuple[Served, Served]) -> None:
    one, two = pair
    first = put_image(one.client, APP, "1.0", LAYERS[0])
    until(lambda: held(two.url, APP, "1.0") == first)
    # What came is known as a copy once its own rule has looked at it: no other is deleted there.
    until(lambda: [item.state for item in items(two.folder, "to-one")] == [State.DONE])
    quiet(one, two)
    assert two.client.delete(f"/v2/{APP}/manifests/1.0").status_code == 202
    until(lambda: held(one.url, APP, "1.0") is None)
    quiet(one, two)
    again = put_image(one.client, APP, "1.0", LAYERS[1])
    until(lambda: held(two.url, APP, "1.0") == again)
    quiet(one, two)
    assert held(one.url, APP, "1.0") == again


def test_both_move_a_tag_at_once_again_and_again(pair: tuple[Served, Served]) -> None:
    one, two = pair

    def move(served: Served, offset: int) -> None:
        with httpx.Client(base_url=served.url) as client:
            for number in range(8):
                put_image(
                    client,
                    APP,
                    "latest",
                    LAYERS[(number + offset) % 8],
                    config=b'{"a":%d}' % offset,
                )

    threads = [threading.Thread(target=move, args=each) for each in ((one, 0), (two, 4))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    quiet(one, two)
    until(lambda: held(one.url, APP, "latest") == held(two.url, APP, "latest"))
    quiet(one, two)
    before = newest(one), newest(two)
    time.sleep(0.5)
    assert (newest(one), newest(two)) == before


def test_the_later_move_holds_and_the_other_is_shown(office: Office) -> None:
    one, two = office("one"), office("two")
    put_image(one.client, APP, "1.0", LAYERS[0])
    later = put_image(two.client, APP, "1.0", LAYERS[1])
    rule(one.folder, "to-two", two.url)
    still(one.folder, "to-two")
    (item,) = items(one.folder, "to-two")
    assert item.state is State.CONFLICT
    assert f"moved later: it is {later}" in item.error
    assert held(two.url, APP, "1.0") == later
    rule(two.folder, "to-one", one.url)
    until(lambda: held(one.url, APP, "1.0") == later)
    until(lambda: items(one.folder, "to-two")[0].state is State.DONE)


def test_copies_under_other_names_are_not_copied_on_for_ever(office: Office) -> None:
    one, two = office("one"), office("two")
    put_image(one.client, APP, "1.0", LAYERS[0])
    rule(one.folder, "to-two", two.url, "*", target="one")
    rule(two.folder, "to-one", one.url, "*", target="two")
    until(lambda: held(one.url, f"two/one/{APP}", "1.0"))
    compare(one.folder, "to-two")
    compare(two.folder, "to-one")
    quiet(one, two)
    names = [each.client.get("/v2/_catalog").json()["repositories"] for each in (one, two)]
    assert names == [[APP, f"two/one/{APP}"], [f"one/{APP}"]]


BAD = ["x", "0a", "0a -1", "0a 1 deletion", "0a 1e9", "G 1"]


@pytest.mark.parametrize("text", BAD)
def test_words_that_say_nothing_are_refused(office: Office, text: str) -> None:
    one = office("one")
    answer = one.client.delete(f"/v2/{APP}/manifests/1.0", headers={"entrepot-replicated": text})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "UNSUPPORTED"


def test_nobody_has_the_last_word_by_a_clock_that_is_ahead(office: Office) -> None:
    one = office("one")
    put_image(one.client, APP, "1.0", LAYERS[0])
    ahead = {"entrepot-replicated": f"0a {time.time() + 1e6:.3f}"}
    one.client.headers.update(ahead)
    put_image(one.client, APP, "1.0", LAYERS[1])
    del one.client.headers["entrepot-replicated"]
    one.client.headers["entrepot-replicated"] = f"0b {time.time() + 1:.3f}"
    last = put_image(one.client, APP, "1.0", LAYERS[2])
    assert held(one.url, APP, "1.0") == last
    one.client.headers["entrepot-replicated"] = "0b 1000"
    answer = try_manifest(one.client, APP, "1.0", _document(LAYERS[1]))
    assert (answer.status_code, answer.headers["entrepot-kept"]) == (201, last)
    assert held(one.url, APP, "1.0") == last


def _document(layer: bytes) -> bytes:
    return dump(image(layer))
