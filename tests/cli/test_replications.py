"""`entrepot replication`, as an admin at a desk types it."""

from collections.abc import Iterator

import pytest
from tests.cli.desk import Desk, furnished


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with furnished(tmp_path_factory.mktemp("desk")) as desk:
        desk.login()
        yield desk


def test_the_life_of_a_rule(desk: Desk) -> None:
    words = ("far", "https://127.0.0.1:9", "team/*", "--user", "bot", "--password-stdin")
    more = ("--versions", "^1.2", "--tag", "latest", "--rate", "10MiB", "--deletions")
    said = desk.good("replication", "add", *words, *more, stdin="pass word\n")
    assert said.startswith(
        "team/* is copied to https://127.0.0.1:9 from now on; entrepot replication"
    )
    shown = desk.json("replication", "show", "far")
    assert (shown["versions"], shown["tags"]) == ("^1.2", ["latest"])
    assert (shown["rate"], shown["deletions"]) == (10 * 2**20, True)
    assert (shown["direction"], shown["every"], shown["has_password"]) == ("push", 86400, True)
    assert "10.0 MiB" in desk.good("replication", "show", "far")
    other = ("--rate", "0", "--tag", "", "--no-deletions", "--user", "ada", "--password-stdin")
    said = desk.good("replication", "set", "far", *other, stdin="another\n")
    assert said == "replication far is changed\n"
    shown = desk.json("replication", "show", "far")
    assert (shown["rate"], shown["tags"], shown["versions"]) == (None, [], "^1.2")
    assert (shown["deletions"], shown["login"]) == (False, "ada")
    assert not desk.json("replication", "set", "far", "--user", "")["has_password"]
    assert desk.good("replication", "pause", "far") == "replication far is paused\n"
    assert "paused" in desk.good("replication", "list")
    assert desk.good("replication", "resume", "far") == "replication far goes on\n"
    assert "compares everything" in desk.good("replication", "run", "far")
    assert desk.json("replication", "tags", "far", "--state", "waiting") == []
    assert desk.good("replication", "remove", "far", "--yes") == "replication far is removed\n"
    assert "there is no replication" in desk.bad("replication", "show", "far")


def test_one_that_pulls(desk: Desk) -> None:
    words = ("base", "https://127.0.0.1:9", "team/app", "--pull", "--target", "mirror")
    said = desk.good("replication", "add", *words)
    assert said.startswith("team/app is copied from https://127.0.0.1:9 from now on; ")
    shown = desk.json("replication", "show", "base")
    assert "base" in [each["name"] for each in desk.json("replication", "list")]
    assert (shown["direction"], shown["every"], shown["target"]) == ("pull", 300, "mirror")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "bad", "http://up.test", "*"), "without TLS only this machine itself"),
        (("add", "bad", "https://up.test", "*", "--password-stdin"), "whose password"),
        (("add", "bad", "https://up.test", "*", "--every", "soon"), "write 30s"),
        (("add", "bad", "https://up.test", "*", "--versions", "old"), "is no range"),
        (("remove", "not-there", "--yes"), "there is no replication"),
        (("set", "not-there", "--every", "1h"), "there is no replication"),
        (("set", "not-there"), "say what to change"),
    ],
)
def test_what_is_refused(desk: Desk, words: tuple[str, ...], says: str) -> None:
    assert says in desk.bad("replication", *words)
