"""A rule between two Entrepots hears of each change there, and keeps the later move."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN, Accounts, first_start
from tests.content import put_image
from tests.served import Served, serving
from tests.signatures.signed import curve, pem
from tests.upkeep.replication.conftest import (
    Office,
    found,
    held,
    items,
    push_index,
    rule,
    sign,
    standing,
    still,
    tell,
)
from tests.upstream.weather import Mood, Weather, weather
from tests.waiting import until

from entrepot.db import immutable_rules, place, replications
from entrepot.db.immutable_rules import Kind
from entrepot.db.replication_tags import State
from entrepot.db.replications import Direction, Replication
from entrepot.upkeep.replication.far import Far

SELDOM = 3600.0


@dataclass
class End:
    """A registry with accounts, and its admin's client."""

    served: Served
    client: httpx.Client

    @property
    def folder(self) -> Path:
        return self.served.folder

    def tag(self, repository: str, name: str) -> str | None:
        answer = self.client.get(f"/v2/{repository}/manifests/{name}")
        digest: str = answer.headers.get("docker-content-digest", "")
        return digest if answer.status_code == 200 else None

    def pushes(self, name: str, other: "End") -> None:
        login = {"login": ADMIN.pair[0], "secret": ADMIN.secret}
        rule(self.folder, name, other.served.url, f"{name}/*", deletions=True, **login)
        still(self.folder, name)

    def pulls(self, name: str, other: "End", **more: Any) -> None:
        login = {"login": ADMIN.pair[0], "secret": ADMIN.secret}
        fields = {"direction": Direction.PULL, "every": SELDOM, **login, **more}
        rule(self.folder, name, other.served.url, f"{name}/*", **fields)
        until(lambda: found(self.folder, name).there is not None, lambda: found(self.folder, name))
        still(self.folder, name)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[End, End]]:
    settings: dict[str, Any] = {"outbound_allow": ("127.0.0.0/8",), "upkeep_pause": 0.2}
    with ExitStack() as stack:
        made: list[End] = []
        for name in ("near", "far"):
            folder = tmp_path_factory.mktemp(name) / "data"
            first_start(folder)
            served = stack.enter_context(
                serving(folder, "own", dangerously_without_accounts=False, **settings)
            )
            client = httpx.Client(base_url=served.url, auth=ADMIN.pair)
            made.append(End(served, stack.enter_context(client)))
        yield made[0], made[1]


def test_each_change_is_heard_of(pair: tuple[End, End]) -> None:
    near, far = pair
    first = put_image(far.client, "heard/app", "1.0", b"a")
    robot = Accounts(far.folder).robot("copier", "reader:heard/*")
    near.pulls("heard", far, deletions=True, login=robot.name, secret=robot.secret)
    assert near.tag("heard/app", "1.0") == first
    moved = put_image(far.client, "heard/app", "1.0", b"b")
    until(lambda: near.tag("heard/app", "1.0") == moved)
    root = push_index(far.client, "heard/app", "2.0", b"c", b"d")
    until(lambda: near.tag("heard/app", "2.0") == root)
    late = sign(far.client, "heard/app", root)
    until(lambda: near.tag("heard/app", late) == late)
    cosign = f"{root.replace(':', '-')}.sig"
    signed = put_image(far.client, "heard/app", cosign, b"by cosign")
    until(lambda: near.tag("heard/app", cosign) == signed)
    assert far.client.delete("/v2/heard/app/manifests/1.0").status_code == 202
    until(lambda: near.tag("heard/app", "1.0") is None)
    still(near.folder, "heard")
    assert [item.tag for item in items(near.folder, "heard")] == ["2.0"]


def test_what_others_do_there_is_not_told(pair: tuple[End, End]) -> None:
    login: dict[str, Any] = {"login": ADMIN.pair[0], "secret": ADMIN.secret}
    wanted = Replication("told", Direction.PULL, pair[1].served.url, "told/*", **login)
    there = Far(wanted, (ip_network("127.0.0.0/8"),))
    with closing(there):
        _, end = there.log(None, 0.0)
        for repository in ("told/app", "others/app", "told/web", "toldby/app"):
            put_image(pair[1].client, repository, "1", b"layer")
        rows, _ = there.log(end, 0.0)
    assert [row.repository for row in rows if row.reference == "1"] == ["told/app", "told/web"]
    assert {row.repository for row in rows} == {"told/app", "told/web"}


def test_what_came_while_it_was_away(pair: tuple[End, End]) -> None:
    near, far = pair
    near.pulls("away", far)
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        db.execute("update replication set paused = 1 where name = 'away'")
    tell(near.folder)
    until(lambda: found(near.folder, "away").paused)
    compared = found(near.folder, "away").compared_at
    one = put_image(far.client, "away/app", "1.0", b"a")
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        db.execute("update replication set paused = 0 where name = 'away'")
    tell(near.folder)
    until(lambda: near.tag("away/app", "1.0") == one)
    assert found(near.folder, "away").compared_at == compared


def test_the_later_move_holds(pair: tuple[End, End]) -> None:
    near, far = pair
    put_image(near.client, "later/app", "1", b"older")
    later = put_image(far.client, "later/app", "1", b"later")
    put_image(far.client, "later/app", "2", b"older")
    kept = put_image(near.client, "later/app", "2", b"later")
    near.pulls("later", far)
    assert (near.tag("later/app", "1"), near.tag("later/app", "2")) == (later, kept)
    states = {item.tag: item.state for item in items(near.folder, "later")}
    assert states == {"1": State.DONE, "2": State.CONFLICT}
    assert "moved later here" in items(near.folder, "later")[1].error


def test_both_pull_from_each_other(pair: tuple[End, End]) -> None:
    near, far = pair
    near.pulls("both", far, deletions=True)
    far.pulls("both", near, deletions=True)
    one = put_image(near.client, "both/app", "1", b"a")
    two = put_image(far.client, "both/app", "2", b"b")
    until(lambda: far.tag("both/app", "1") == one and near.tag("both/app", "2") == two)
    for number in range(4):
        put_image(near.client, "both/app", "both", b"near %d" % number)
        put_image(far.client, "both/app", "both", b"far %d" % number)
    until(lambda: near.tag("both/app", "both") == far.tag("both/app", "both") != None)  # noqa: E711 - all three
    assert far.client.delete("/v2/both/app/manifests/1").status_code == 202
    until(lambda: near.tag("both/app", "1") is None)
    still(near.folder, "both")
    still(far.folder, "both")
    assert near.tag("both/app", "both") == far.tag("both/app", "both")
    assert near.tag("both/app", "2") == far.tag("both/app", "2") == two


def test_a_deletion_that_is_pushed_holds_against_a_move_before_it(pair: tuple[End, End]) -> None:
    near, far = pair
    put_image(near.client, "gone/app", "1", b"a")
    near.pushes("gone", far)
    put_image(far.client, "gone/app", "1", b"moved there")
    assert near.client.delete("/v2/gone/app/manifests/1").status_code == 202
    until(lambda: far.tag("gone/app", "1") is None, lambda: items(near.folder, "gone"))
    until(lambda: items(near.folder, "gone") == [])


def test_a_repository_that_is_deleted_goes_there_too(pair: tuple[End, End]) -> None:
    near, far = pair
    put_image(near.client, "whole/app", "1", b"a")
    near.pushes("whole", far)
    gone = near.client.delete("/api/v1/repositories/whole/app", params={"confirm": "whole/app"})
    assert gone.status_code < 300, gone.text
    until(lambda: far.tag("whole/app", "1") is None, lambda: items(near.folder, "whole"))


def test_what_is_immutable_here_stays(pair: tuple[End, End]) -> None:
    near, far = pair
    kept = put_image(near.client, "held/app", "1", b"older")
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        immutable_rules.add(db, "held/app", Kind.GLOB, "1", by="user:anna")
    tell(near.folder)
    put_image(far.client, "held/app", "1", b"later")
    near.pulls("held", far)
    (item,) = items(near.folder, "held")
    assert (item.state, near.tag("held/app", "1")) == (State.CONFLICT, kept)
    assert "is immutable by" in item.error


def test_a_log_that_ends_before_the_cursor(pair: tuple[End, End]) -> None:
    near, far = pair
    near.pulls("ends", far)
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        db.execute("update replication set paused = 1 where name = 'ends'")
    tell(near.folder)
    one = put_image(far.client, "ends/app", "1", b"a")
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        db.execute("update replication set paused = 0 where name = 'ends'")
        replications.follow(db, "ends", 10**9)
    tell(near.folder)
    until(lambda: near.tag("ends/app", "1") == one)
    assert 0 < (found(near.folder, "ends").there or 0) < 10**6


def test_one_that_shows_no_log_is_compared(office: Office) -> None:
    near, far = office("near"), office("far")
    rule(near.folder, "r", far.url, direction=Direction.PULL, every=0.5)
    one = put_image(far.client, "team/app", "1", b"a")
    until(lambda: held(near.url, "team/app", "1") == one)
    assert found(near.folder, "r").there is None
    until(lambda: standing(near.folder, "r").done == 1)


def test_what_the_login_may_not_pull_holds_up_nothing_else(pair: tuple[End, End]) -> None:
    near, far = pair
    robot = Accounts(far.folder).robot("denied", "reader:denied/*")
    put_image(far.client, "denied/signed", "0", b"before")
    near.pulls("denied", far, login=robot.name, secret=robot.secret)
    demand(far.client, "denied", "denied/signed")
    push_index(far.client, "denied/signed", "1", b"a", b"b")  # nobody signs it
    other = put_image(far.client, "denied/other", "1", b"c")
    until(lambda: near.tag("denied/other", "1") == other, lambda: found(near.folder, "denied"))


def demand(admin: httpx.Client, project: str, pattern: str) -> None:
    """Have a registry give out what is signed, and nothing else, of repositories of a pattern."""
    known = {"key": {"pem": pem(curve())}}
    admin.put(f"/api/v1/signers/{project}/ci", json=known).raise_for_status()
    path = "/api/v1/demands"
    admin.put(path, params={"pattern": pattern}, json={"signers": ["ci"]}).raise_for_status()


@pytest.fixture
def between(pair: tuple[End, End]) -> Iterator[Weather]:
    """A proxy before the far end."""
    with weather(pair[1].served.url.removeprefix("http://")) as found:
        yield found


def pulls_through(near: End, name: str, between: Weather) -> None:
    login = {"login": ADMIN.pair[0], "secret": ADMIN.secret, "every": SELDOM}
    url = f"http://{between.address}"
    rule(near.folder, name, url, f"{name}/*", direction=Direction.PULL, **login)
    until(lambda: found(near.folder, name).there is not None)
    still(near.folder, name)


def test_one_that_is_away_for_a_moment_is_followed_on(
    pair: tuple[End, End], between: Weather
) -> None:
    near, far = pair
    put_image(far.client, "moment/app", "0", b"before")
    pulls_through(near, "moment", between)
    before = found(near.folder, "moment").compared_at
    between.moods[""] = Mood.AWAY  # its API, as a proxy says while it restarts
    one = put_image(far.client, "moment/app", "1", b"a")
    until(lambda: "503" in found(near.folder, "moment").error)
    between.moods.clear()
    until(lambda: near.tag("moment/app", "1") == one, lambda: found(near.folder, "moment"))
    assert found(near.folder, "moment").compared_at == before


def test_what_is_broken_there_holds_up_nothing_else(
    pair: tuple[End, End], between: Weather
) -> None:
    near, far = pair
    pulls_through(near, "vain", between)
    between.moods["vain/app"] = Mood.FAILING
    push_index(far.client, "vain/app", "1", b"a", b"b")
    other = put_image(far.client, "vain/other", "1", b"c")
    until(lambda: near.tag("vain/other", "1") == other, lambda: found(near.folder, "vain"))


def test_what_cannot_be_written_down_is_told_and_waited_for(pair: tuple[End, End]) -> None:
    near, far = pair
    near.pulls("full", far)
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        db.execute(
            "create trigger full before update of there on replication when old.name = 'full' "
            "begin select raise(abort, 'the disk is full'); end"
        )
    one = put_image(far.client, "full/app", "1", b"a")
    until(lambda: "the disk is full" in found(near.folder, "full").error)
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        db.execute("drop trigger full")
    until(lambda: near.tag("full/app", "1") == one)
    until(lambda: found(near.folder, "full").error == "")
