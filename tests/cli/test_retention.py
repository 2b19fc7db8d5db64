"""The commands of retention: tried, set, listed, run, taken away; and what public pulls keep."""

from collections.abc import Iterator

import httpx
import pytest
from tests.accounts import ADMIN
from tests.cli.desk import Desk
from tests.content import put_image
from tests.waiting import until

APP = "keeping/app"


@pytest.fixture
def pusher(desk: Desk) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair, timeout=30) as client:
        for number in range(4):
            put_image(client, APP, f"1.0.{number}", b"%d" % number)
        yield client


def tags(desk: Desk) -> list[str]:
    return [row["name"] for row in desk.json("tag", "list", APP)]


def test_rules_from_a_try_to_their_end(desk: Desk, pusher: httpx.Client) -> None:
    assert "give at least one rule" in desk.bad("retention", "set", APP)
    tried = desk.good("retention", "set", APP, "--semver-patches", "1", "--dry-run")
    assert "3 of 4 tags and 0 manifests would go, in 1 repositories" in tried
    assert "among the newest patches of 1.0" in tried
    assert desk.json("retention", "list") == []
    assert "Say --yes" in desk.bad("retention", "set", APP, "--semver-patches", "1")
    said = desk.good("retention", "set", APP, "--semver-patches", "1", "--yes")
    assert said == f"retention of {APP}: semver-patches 1\n"
    [rule] = desk.json("retention", "list")
    assert (rule["pattern"], rule["created_by"]) == (APP, "user:admin")
    assert len(tags(desk)) == 4
    planned = desk.json("retention", "plan", "keeping/*")
    assert [fate["keep"] for fate in planned["tags"]] == [False, False, False, True]
    assert "Say --yes" in desk.bad("retention", "run", "keeping/*")
    assert desk.good("retention", "run", "keeping/*", "--yes") == "3 things went to the trash\n"
    assert tags(desk) == ["1.0.3"]
    [first, *_] = desk.json("trash", "list", "--repo", APP)
    assert first["deleted_by"] == "entrepot"
    assert "it is not among the 1 newest patches" in first["why"]
    desk.good("trash", "restore", str(first["id"]))
    assert len(tags(desk)) == 2
    desk.good("retention", "remove", APP)
    assert "there are no rules" in desk.bad("retention", "remove", APP)


def test_what_was_pulled_is_kept(desk: Desk, pusher: httpx.Client) -> None:
    """Also where anyone may pull, and nobody has to answer for it."""
    for public in ("--public", "--private"):
        desk.good("project", "update", "keeping", public)
        pusher.get(f"/v2/{APP}/manifests/1.0.1").raise_for_status()
        pusher.get(f"/v2/{APP}/manifests/1.0.1").raise_for_status()

    def kept() -> list[str]:
        found = desk.json("retention", "set", APP, "--keep-pulled", "1", "--dry-run")
        return [fate["tag"] for fate in found["tags"] if fate["keep"]]

    until(kept)
    assert kept() == ["1.0.1"]
