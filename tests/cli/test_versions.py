"""`entrepot version`: the table, what is written into it, what is chosen from it."""

import json
import re

import httpx
import pytest
from tests.accounts import ADMIN
from tests.cli.desk import Desk
from tests.content import put_image

APP = "shown/app"
TAGS = ["1.0.0", "1.1.0", "1.2.0-rc.1", "1.1.0-alpine", "latest"]


@pytest.fixture(scope="module")
def filled(desk: Desk) -> Desk:
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair, timeout=30) as client:
        for tag in TAGS:
            put_image(client, APP, tag, tag.encode(), config=b'{"os": "linux"}')
    return desk


def test_the_table(filled: Desk) -> None:
    heading, *rows, last = filled.good("version", "list", APP).splitlines()
    assert re.fullmatch(
        "version +also +state +where +description +planned +pushed +by +size +platforms +signed "
        "+digest",
        heading,
    )
    assert [row.split()[0] for row in rows] == ["1.2.0-rc.1", "1.1.0-alpine", "1.1.0", "1.0.0"]
    assert last == (
        "tags are read as semver (guessed: it reads 100% of them); 1 other tag is no version"
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--range ^1 --variant=", ["1.1.0", "1.0.0"]),
        ("--range ^1.1 --pre", ["1.2.0-rc.1", "1.1.0-alpine", "1.1.0"]),
        ("--no-pre --limit 1", ["1.1.0-alpine"]),
        ("--sort pushed --limit 1", ["1.1.0-alpine"]),
        ("--state bad", []),
        ("--all --variant alpine*", ["1.1.0-alpine"]),
    ],
)
def test_options(filled: Desk, options: str, expected: list[str]) -> None:
    found = filled.json("version", "list", APP, *options.split())
    assert [row["tag"] for row in found] == expected


def test_a_long_list_comes_in_pages(filled: Desk) -> None:
    assert len(filled.json("version", "list", APP, "--limit", "3")) == 3
    assert len(filled.json("version", "list", APP, "--all")) == 4


def test_notes(filled: Desk) -> None:
    said = filled.good("version", "plan", APP, "1.0.0", "deploy on Friday")
    assert said == f"{APP}:1.0.0 has this plan now: deploy on Friday\n"
    filled.good("version", "describe", APP, "1.0.0", f"Exports {'a lot ' * 20}")
    line = next(x for x in filled.good("version", "list", APP).splitlines() if "1.0.0" in x)
    assert "deploy on Friday" in line
    assert "a lot a..." in line
    assert filled.good("version", "plan", APP, "1.0.0", "") == f"{APP}:1.0.0 has no plan now\n"
    assert "there is no tag 3" in filled.bad("version", "plan", APP, "3", "x")


def test_what_an_image_says_moves_no_cursor(filled: Desk) -> None:
    config = json.dumps(
        {"config": {"Labels": {"org.opencontainers.image.description": "\x1b[2Jgone\nx"}}}
    )
    with httpx.Client(base_url=filled.url, auth=ADMIN.pair, timeout=30) as client:
        put_image(client, "shown/evil", "1.0.0", config=config.encode())
    said = filled.good("version", "list", "shown/evil")
    assert r"\x1b[2Jgone x" in said
    assert said.isascii()
    assert "\x1b" not in said


def test_resolve_and_next(filled: Desk) -> None:
    said = filled.good("version", "resolve", APP, "~1.1")
    assert said.startswith(f"{APP}:1.1.0@sha256:")
    assert filled.json("version", "resolve", APP, "latest")["tag"] == "1.2.0-rc.1"
    assert "no version of" in filled.bad("version", "resolve", APP, "^7")
    assert filled.good("version", "next", APP) == "1.2.0\n"
    assert filled.json("version", "next", APP, "--bump", "major", "--pre", "rc") == {
        "repository": APP,
        "tag": "2.0.0-rc.1",
        "newest": "1.2.0-rc.1",
    }


def test_the_scheme(filled: Desk) -> None:
    assert "scheme    semver\nguessed   yes\nreads     100% of the tags" in filled.good(
        "version", "scheme", APP
    )
    found = filled.json("version", "scheme", APP, "semver", "--variant-pattern", "rc.*")
    assert (found["guessed"], found["variants"]) == (False, ["rc.*"])
    assert filled.json("version", "next", APP)["tag"] == "1.2.1"
    assert filled.json("version", "scheme", APP, "guess")["guessed"]
    assert "scheme" in filled.bad("version", "scheme", APP, "roman")


def test_alone_it_is_the_software(filled: Desk) -> None:
    assert filled.good("version") == filled.good("--version")
    assert "sqlite" in json.loads(filled.good("version", "--json"))
