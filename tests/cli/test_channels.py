"""The commands of channels, walked as a release manager does: set, promoted, refused, gone back."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.accounts import ADMIN
from tests.cli.desk import Desk
from tests.content import put_image

APP = "releases/app"


@pytest.fixture
def pusher(desk: Desk) -> Iterator[httpx.Client]:
    """The admin as docker, with 1.0.0 to 1.3.0 pushed."""
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair, timeout=30) as client:
        for number in range(4):
            put_image(client, APP, f"1.{number}.0", b"%d" % number)
        yield client


def somebody(desk: Desk, name: str, *grants: str) -> dict[str, str]:
    """Someone else, as an environment for commands."""
    desk.at.post("/users", {"name": name}).raise_for_status()
    desk.accounts.grant(f"user:{name}", *grants)
    contexts = desk.contexts.parent / f"{name}.json"
    token = desk.accounts.token(name).secret
    env = {"ENTREPOT_CONTEXTS": str(contexts)}
    desk.good("login", desk.url, "-u", name, "--password-stdin", stdin=token, **env)
    return env


def test_the_whole_way(desk: Desk, pusher: httpx.Client, tmp_path: Path) -> None:
    said = desk.good("channel", "set", "releases", "dev", "test", "prod")
    assert said == "channels of releases: dev → test → prod\n"
    said = desk.good("channel", "gate", "releases", "dev", "--role", "writer", "--skip")
    assert said == "releases dev asks for role writer, skip\n"
    said = desk.good(
        *("channel", "gate", "releases", "prod", "--approvals", "1", "--report", "tests"),
        *("--only-forward", "--window", "daily 00:00-24:00 Europe/Berlin", "--soak", "0s"),
    )
    assert said == (
        "releases prod asks for approvals 1, report tests, window daily 00:00-24:00 "
        "Europe/Berlin, only-forward\n"
    )
    assert desk.good("promote", APP, "1.0.0", "--to", "dev") == f"1.0.0 is in dev of {APP}\n"
    assert desk.good("promote", APP, "1.0.0", "--to", "dev") == "1.0.0 is in dev already\n"
    refused = desk.run("promote", APP, "1.0.0", "--to", "prod")
    assert (refused.status, refused.output) == (1, "")
    lines = refused.error.splitlines()
    assert lines[0] == f"entrepot: 1.0.0 cannot come into {APP}:prod:"
    assert lines[1] == "  order: it was never in test"
    assert lines[2].startswith("    promote it there first: entrepot promote")
    assert "  approvals: 0 of 1 approvals are there" in lines
    assert any(line.startswith("  report tests: there is no report of tests") for line in lines)
    tried = desk.good("promote", APP, "1.0.0", "--to", "prod", "--dry-run")
    assert "1.0.0 cannot come into prod now" in tried
    assert not desk.json("promote", APP, "1.0.0", "--to", "prod", "--dry-run")["passed"]

    desk.good("promote", APP, "dev", "--to", "test")
    assert "pusher: user:admin pushed 1.0.0 themselves" in desk.bad(
        "approve", APP, "1.0.0", "--to", "prod"
    )
    cy = somebody(desk, "cy", "maintainer:releases/*")
    said = desk.good("approve", APP, "1.0.0", "--to", "prod", "--comment", "fine", **cy)
    assert said == "1.0.0 is approved for prod by user:cy\n"
    assert [each["comment"] for each in desk.json("approve", APP, "1.0.0", "--list")] == ["fine"]
    results = tmp_path / "results.txt"
    results.write_text("all green\n")
    report = ("report", "post", APP, "1.0.0", "--name", "tests")
    desk.good(*report, "--failed")
    assert "report tests: tests failed" in desk.bad("promote", APP, "1.0.0", "--to", "prod")
    desk.good(*report, "--passed", "--file", str(results), "--url", "https://ci.test/1")
    [newest, oldest] = desk.json("report", "list", APP, "1.0.0")
    assert (newest["passed"], oldest["passed"], newest["by"]) == (True, False, "user:admin")
    assert desk.good("report", "show", APP, str(newest["id"])) == "all green\n\n"
    said = desk.good("promote", APP, "1.0.0", "--to", "prod", "--reason", "first")
    assert said == f"1.0.0 is in prod of {APP}\n"

    rows = desk.json("channel", "list", APP)
    assert [(row["name"], row["here"]["version"]) for row in rows] == [
        ("dev", "1.0.0"),
        ("test", "1.0.0"),
        ("prod", "1.0.0"),
    ]
    [row] = desk.json("channel", "history", APP, "--channel", "prod")
    assert (row["version"], row["reason"], row["until"]) == ("1.0.0", "first", None)


def test_freezes_and_the_way_back(desk: Desk, pusher: httpx.Client) -> None:
    desk.good("channel", "set", APP, "stage")
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        desk.good("promote", APP, version, "--to", "stage")
    said = desk.good("channel", "freeze", APP, "stage", "--until", "3d", "--reason", "sale")
    assert f"{APP} stage is frozen until 2" in said
    assert "by user:admin: sale - wait, or thaw it" in desk.bad(
        "promote", APP, "1.3.0", "--to", "stage"
    )
    assert "Say --yes" in desk.bad("rollback", APP, "--channel", "stage")
    said = desk.good("rollback", APP, "--channel", "stage", "--reason", "broken", "--yes")
    assert said == f"stage of {APP} is at 1.1.0 again; 1.2.0 is marked as bad\n"
    [bad] = desk.json("bad", "list", APP)
    assert (bad["version"], bad["reason"], bad["by"]) == ("1.2.0", "broken", "user:admin")
    desk.good("channel", "thaw", APP, "stage")
    assert "is not frozen" in desk.bad("channel", "thaw", APP, "stage")
    assert "bad: it was marked as bad by user:admin" in desk.bad(
        "promote", APP, "1.2.0", "--to", "stage"
    )
    desk.good("bad", "free", APP, "1.2.0", "--reason", "it was the disk")
    assert "is not marked as bad" in desk.bad("bad", "free", APP, "1.2.0")
    desk.good("promote", APP, "1.2.0", "--to", "stage")
    desk.good("bad", "mark", APP, "1.1.0")
    said = desk.good("rollback", APP, "--channel", "stage", "--to", "1.0.0", "--yes")
    assert said.startswith(f"stage of {APP} is at 1.0.0 again")
    assert "nothing is in prod" in desk.bad("rollback", APP, "--channel", "prod", "--yes")
    assert "Say --yes" in desk.bad("channel", "set", APP)
    assert desk.good("channel", "set", APP, "--yes") == (f"channels of {APP}: dev → test → prod\n")


WRONG = {
    "a gate of nothing": (("channel", "gate", APP, "prod"), "say what it asks for"),
    "a gate that is none": (("channel", "gate", APP, "prod", "--no", "x"), "--no is 'x'"),
    "no such window": (
        ("channel", "gate", "releases", "prod", "--window", "noon"),
        "is no window: write 'mon-fri 09:00-16:00 Europe/Berlin'",
    ),
    "a role that promotes nothing": (
        ("channel", "gate", "releases", "prod", "--role", "reader"),
        "who promotes is writer, maintainer, owner",
    ),
    "gates of the project's channel": (
        ("channel", "gate", APP, "prod", "--keep", "9"),
        "the channel prod is of the project releases",
    ),
    "a moment that is none": (
        ("channel", "freeze", APP, "prod", "--until", "soon"),
        "--until is 'soon'",
    ),
    "a channel twice": (
        ("channel", "set", "releases", "a", "a", "--yes"),
        "name each channel once",
    ),
    "a report of nothing": (
        ("report", "post", APP, "1.0.0", "--name", "tests"),
        "say what it said",
    ),
    "an approval for no channel": (("approve", APP, "1.0.0"), "say for which channel"),
    "a version that is not there": (
        ("promote", APP, "9.9.9", "--to", "dev"),
        f"there is no 9.9.9 in {APP}",
    ),
}


@pytest.mark.parametrize(("command", "told"), WRONG.values(), ids=WRONG)
def test_what_mends_it(
    desk: Desk, pusher: httpx.Client, command: tuple[str, ...], told: str
) -> None:
    desk.good("channel", "set", "releases", "dev", "test", "prod")
    assert told in desk.bad(*command)
