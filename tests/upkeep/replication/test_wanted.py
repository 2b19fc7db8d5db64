"""What a rule means, and which tags a change of the log puts in line."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest
from tests.content import put_image
from tests.served import Served
from tests.upkeep.replication.conftest import Office, push_index, sign

from entrepot.db import changes, place, replication_tags, replications, repositories
from entrepot.db.changes import Wanted as Rows
from entrepot.db.replications import Direction, Replication
from entrepot.oci.names import Repository
from entrepot.upkeep.replication import line
from entrepot.upkeep.replication.pace import delay
from entrepot.upkeep.replication.wanted import Wanted
from entrepot.versions.ranges import UnreadableError

SIGNATURE = f"sha256-{'0' * 64}.sig"


def wanted(pattern: str = "*", direction: Direction = Direction.PUSH, **more: Any) -> Wanted:
    return Wanted(Replication("r", direction, "https://far.test", pattern, **more))


@pytest.mark.parametrize(
    ("tags", "versions", "meant", "not_meant"),
    [
        ((), "", ["1.0", "latest", "v2"], [SIGNATURE]),
        (("v*",), "", ["v1", "v"], ["1.0", "latest", SIGNATURE]),
        ((), "^1.2", ["1.2.0", "v1.9.1"], ["1.1.0", "2.0.0", "latest", "1.3.0-rc.1"]),
        (("latest",), "^1.2", ["1.2.0", "latest"], ["1.1.0", "edge"]),
        (("*",), "", ["1.0"], [SIGNATURE]),
    ],
)
def test_tags(
    tags: tuple[str, ...], versions: str, meant: Sequence[str], not_meant: Sequence[str]
) -> None:
    rule = wanted(tags=tags, versions=versions)
    assert [tag for tag in (*meant, *not_meant) if rule.tag(tag)] == list(meant)


def test_versions_that_are_no_range() -> None:
    with pytest.raises(UnreadableError):
        wanted(versions="about two")


@pytest.mark.parametrize(
    ("target", "name", "there"),
    [
        ("", "team/app", "team/app"),
        ("copies", "team/app", "copies/team/app"),
        ("copies/of", "team/app", "copies/of/team/app"),
        ("copies", "copies/team/app", None),
        ("copies", "far/copies/team/app", None),
        ("copies", "team/copies-of", "copies/team/copies-of"),
    ],
)
def test_names_at_the_target(target: str, name: str, there: str | None) -> None:
    rule = wanted(target=target)
    assert rule.repository(name) == (there is not None)
    if there is not None:
        found = rule.at_target(name)
        assert found is not None
        assert found.name == there
        assert rule.at_source(there) == name


def test_a_name_that_is_too_long() -> None:
    assert wanted(target="a" * 100).at_target("b" * 200) is None


def test_what_fails_is_tried_later_and_later() -> None:
    for attempts, most in ((1, 2), (2, 4), (3, 8), (99, 900)):
        found = {delay(attempts) for _ in range(9)}
        assert len(found) > 1, "all would come at once"
        assert all(0.75 * most <= each <= most for each in found)


@pytest.fixture
def near(office: Office) -> Served:
    return office("near")


def put_in_line(near: Served, cursor: int, **more: Any) -> list[tuple[str, str, bool]]:
    rule = wanted("team/*", **more)
    with closing(place.find(near.folder, "").connect()) as db:
        everything = Rows((("", "\U0010ffff"),))
        rows, _, _ = changes.following(db, cursor, everything, 500, 500)
        return sorted(line.entries(db, "r", rule, rows))


def newest(near: Served) -> int:
    with closing(place.find(near.folder, "").connect()) as db:
        return changes.newest(db)


def test_what_comes_moves_and_goes(near: Served) -> None:
    put_image(near.client, "team/app", "1.0.0", b"a")
    put_image(near.client, "team/app", "latest", b"a")
    put_image(near.client, "other/app", "1.0.0", b"a")
    assert near.client.delete("/v2/team/app/manifests/latest").status_code == 202
    found = [("team/app", "1.0.0", False), ("team/app", "latest", True)]
    assert put_in_line(near, 0) == found
    assert put_in_line(near, 0, versions="1.x") == found[:1]


def test_a_signature_of_a_part_puts_the_whole_in_line(near: Served) -> None:
    root = push_index(near.client, "team/app", "1.0", b"a", b"b")
    put_image(near.client, "team/app", "2.0", b"c")
    child = near.client.get(f"/v2/team/app/manifests/{root}").json()["manifests"][0]["digest"]
    cursor = newest(near)
    signature = sign(near.client, "team/app", child)
    assert put_in_line(near, cursor) == [("team/app", "1.0", False)]
    cursor = newest(near)
    sign(near.client, "team/app", signature, b"countersigned")
    assert put_in_line(near, cursor) == [("team/app", "1.0", False)]
    cursor = newest(near)
    put_image(near.client, "team/app", f"{root.replace(':', '-')}.sig", b"by cosign")
    assert put_in_line(near, cursor) == [("team/app", "1.0", False)]


def test_a_repository_that_goes_takes_its_tags(near: Served) -> None:
    put_image(near.client, "team/app", "1.0", b"a")
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        replications.add(db, Replication("r", Direction.PUSH, "https://far.test", "*", paused=True))
        replication_tags.enlist(db, "r", [(("team/app", "1.0", False), 1.0)], 1.0)
        cursor = changes.newest(db)
        repositories.remove(db, Repository("team/app"))
    assert put_in_line(near, cursor) == [("team/app", "1.0", True)]
