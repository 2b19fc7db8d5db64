"""Tags that the target's own rules keep as they are: shown as conflicts, and not tried for ever."""

from contextlib import closing
from pathlib import Path

import pytest
from tests.content import put_image
from tests.upkeep.replication.conftest import Office, compare, held, items, rule, still, tell
from tests.waiting import until

from entrepot.db import channels, floating_rules, immutable_rules, place
from entrepot.db.immutable_rules import Kind
from entrepot.db.replication_tags import State
from entrepot.upkeep.replication.way import why
from entrepot.upstream.answer import Answer
from entrepot.upstream.place import HeldError, RefusedError, UpstreamError

APP = "team/app"
KEPT = {
    "team/immutable": "is immutable by",
    "team/channel": "is a channel, which only a promotion moves",
    "team/floating": "floats: the registry itself moves it",
}


def _keep(folder: Path) -> None:
    with closing(place.find(folder, "").connect()) as db, db.exclusive():
        for name in ("team/immutable", APP):
            immutable_rules.add(db, name, Kind.GLOB, "1", by="user:anna")
        channels.put(db, "team/channel", ["1"], "user:anna")
        asked = floating_rules.Asked(minor=True)
        floating_rules.put(db, "team/floating", asked, "user:anna")
        db.execute(
            "update tag set floats = '1.0.0' where name = '1' and repository in "
            "(select id from repository where name = 'team/floating')"
        )
    tell(folder)


def test_they_are_conflicts(office: Office) -> None:
    near, far = office("near"), office("far")
    kept = {name: put_image(far.client, name, "1", b"kept") for name in KEPT}
    _keep(far.folder)
    for name in KEPT:
        put_image(near.client, name, "1", b"other")
    rule(near.folder, "r", far.url)
    until(
        lambda: [each.state for each in items(near.folder, "r")] == [State.CONFLICT] * 3,
        lambda: items(near.folder, "r"),
    )
    for item in items(near.folder, "r"):
        assert KEPT[item.repository] in item.error
        assert "log in" not in item.error
        assert held(far.url, item.repository, "1") == kept[item.repository]


def test_it_is_tried_again_by_a_compare(office: Office) -> None:
    near, far = office("near"), office("far")
    put_image(far.client, APP, "1", b"kept")
    _keep(far.folder)
    other = put_image(near.client, APP, "1", b"other")
    rule(near.folder, "r", far.url)
    until(lambda: items(near.folder, "r") and items(near.folder, "r")[0].state is State.CONFLICT)
    with closing(place.find(far.folder, "").connect()) as db, db.exclusive():
        for each in immutable_rules.every(db):
            immutable_rules.remove(db, each.id)
    tell(far.folder)
    compare(near.folder, "r")
    still(near.folder, "r")
    assert held(far.url, APP, "1") == other


SAID = {
    "Harbor": (412, b'{"errors":[{"code":"PRECONDITION","message":"configured as immutable"}]}'),
    "Amazon": (400, b'{"errors":[{"code":"TAG_INVALID","message":"the repository is immutable"}]}'),
    "Quay": (409, b'{"errors":[{"code":"X","message":"Tag is Immutable"}]}'),
    "Entrepot": (403, b'{"errors":[{"message":"a channel","detail":{"channel":"prod"}}]}'),
}


@pytest.mark.parametrize(("status", "body"), SAID.values(), ids=SAID)
def test_how_others_say_it(status: int, body: bytes) -> None:
    with pytest.raises(HeldError):
        Answer(status, {}, body).checked("far.test")


NOT_SAID = {
    "a right": (403, b'{"errors":[{"message":"moving takes a role","detail":{"tag":"1"}}]}'),
    "a quota": (403, b'{"errors":[{"message":"full","detail":{"used":1,"quota":1}}]}'),
    "nothing": (403, b""),
    "no list": (403, b'{"errors":["immutable"]}'),
    "an upload": (400, b'{"errors":[{"message":"broken","detail":["rule"]}]}'),
}


@pytest.mark.parametrize(("status", "body"), NOT_SAID.values(), ids=NOT_SAID)
def test_what_may_do_another_time(status: int, body: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        Answer(status, {}, body).checked("far.test")
    assert not isinstance(caught.value, HeldError)
    assert isinstance(caught.value, RefusedError) == (status == 403)
    assert "docker login" not in why(caught.value)
