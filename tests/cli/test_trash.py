"""The commands of a mistake: deleted, found in the trash, brought back; and what projects take."""

import re
from collections.abc import Iterator

import httpx
import pytest
from tests.accounts import ADMIN
from tests.cli.desk import Desk
from tests.content import put_blob, put_image

from entrepot.cli.size import parse_size, show_size

APP = "fruit/app"


@pytest.fixture
def pusher(desk: Desk) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair, timeout=30) as client:
        put_image(client, APP, "1", b"apple")
        yield client


def number(said: str) -> str:
    """Where in the trash it lies, as the command tells."""
    found = re.search(r"`entrepot trash restore (\d+)` brings it back", said)
    assert found, said
    return found[1]


def test_a_repository_goes_and_comes_back(desk: Desk, pusher: httpx.Client) -> None:
    assert {"name": APP} in desk.json("repository", "list")
    assert desk.json("repository", "list", "--project", "fruit") == [{"name": APP}]
    assert desk.json("repository", "show", APP)["tags"] == 1
    assert "Say --yes" in desk.bad("repository", "delete", APP)
    gone = desk.good("repository", "delete", APP, "--yes")
    assert gone.startswith(f"{APP} with 1 tags and 1 manifests is deleted; until 20")
    found = number(gone)
    assert desk.bad("repository", "show", APP).startswith(f"there is no repository {APP}")
    assert re.search(rf"{found} +{APP} +1 .*user:admin", desk.good("trash", "list"))
    back = desk.good("trash", "restore", found)
    assert back == f"{found} is back in {APP}: 1 manifests, 1 tags\n"
    assert [row["name"] for row in desk.json("tag", "list", APP)] == ["1"]
    assert "there is nothing" in desk.bad("trash", "restore", found)


def test_a_tag_goes_and_comes_back(desk: Desk, pusher: httpx.Client) -> None:
    assert "Say --yes" in desk.bad("tag", "delete", APP, "1")
    gone = desk.good("tag", "delete", APP, "1", "--yes")
    assert gone.startswith(f"{APP}:1 is deleted; until 20")
    assert desk.json("tag", "list", APP) == []
    [row] = desk.json("trash", "list", "--repo", APP)
    old, here = row["digest"], put_image(pusher, APP, "1", b"pear")
    assert desk.good("trash", "restore", number(gone)) == (
        f"{row['id']} is back in {APP}: 0 manifests, 0 tags\n"
        f"  1 points to {here} by now and was left so: --force moves it back to {old}\n"
    )
    first, second = desk.json("tag", "delete", APP, "1", "--yes"), put_image(pusher, APP, "2", b"x")
    put_image(pusher, APP, "1", b"x")
    [back] = desk.json("trash", "restore", str(first["trash"]), "--force")
    assert (back["tags"], back["kept"]) == (1, [])
    digests = {row["name"]: row["digest"] for row in desk.json("tag", "list", APP)}
    assert digests == {"1": here, "2": second}


def test_purging_ends_it(desk: Desk, pusher: httpx.Client) -> None:
    gone = number(desk.good("repository", "delete", APP, "--yes"))
    assert "Nobody can bring it back then" in desk.bad("trash", "purge", gone)
    assert desk.good("trash", "purge", gone, "--yes") == f"{APP} is gone for good\n"
    assert f"there is nothing {gone} in the trash" in desk.bad("trash", "restore", gone)


def test_quotas(desk: Desk, pusher: httpx.Client) -> None:
    assert desk.good("quota", "set", "fruit", "--bytes", "10GiB", "--tags", "100") == (
        "project fruit may have 10.0 GiB and 100 tags\n"
    )
    assert re.search(r"fruit +\d+ B +10\.0 GiB +0 % +1 +100 +1 %", desk.good("quota", "list"))
    assert desk.json("quota", "show", "fruit")["bytes_quota"] == 10 * 2**30
    said = desk.good("quota", "set", "fruit", "--bytes", "any")
    assert said == "project fruit may have any number of bytes and 100 tags\n"
    assert desk.json("quota", "set", "fruit", "--tags", "any")["tags_quota"] is None
    for words, told in {
        "quota set fruit": "say --bytes or --tags",
        "quota set fruit --bytes lots": "--bytes is 'lots': write 500MB, 10GiB, or just bytes",
        "quota set fruit --tags few": "--tags is 'few': write a number, or any",
        "quota set nothing --tags 1": "there is no project 'nothing'",
        "quota show nothing": "there is no project 'nothing', or you may not see it",
    }.items():
        assert desk.bad(*words.split()) == told


@pytest.mark.parametrize(
    ("text", "size"),
    {
        "0": 0,
        "17": 17,
        "500MB": 500_000_000,
        "500m": 500_000_000,
        "1.5KiB": 1536,
        "10GiB": 10 * 2**30,
        "2tib": 2 * 2**40,
        "1P": 10**15,
    }.items(),
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text, "--bytes") == size


@pytest.mark.parametrize("text", ["", "GiB", "1 GiB", "1iB", "-1", "1e9", "1.GiB", "10EiB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(BaseException, match="2"):
        parse_size(text, "--bytes")


@pytest.mark.parametrize(("size", "text"), [(None, None), (0, "0 B"), (1536, "1.5 KiB")])
def test_sizes_in_words(size: int | None, text: str | None) -> None:
    assert show_size(size) == text


def test_garbage(desk: Desk, pusher: httpx.Client) -> None:
    assert desk.good("gc", "--dry-run") == "0 things would go; 0 B free then\n"
    gone = number(desk.good("repository", "delete", APP, "--yes"))
    with desk.accounts._change("time passes") as db:
        db.execute("update trash set until = 1 where id = ?", (gone,))
    assert re.search(
        rf"trash +{APP} +{APP} +\d+ B +deleted by user:admin, and its time in the trash is up\n"
        r"1 things would go; \d+ B free then",
        desk.good("gc", "--dry-run"),
    )
    assert "1 things purged from the trash" in desk.good("gc")
    assert desk.json("gc", "--dry-run")["items"] == []
    assert desk.json("gc")["purged"] == 0
    put_image(pusher, APP, "1")
    put_blob(pusher, APP, b"nobody needs this one")
    idle = desk.json("gc", "--dry-run", "--grace", "0s")["items"]
    assert "nobody needs" not in str(idle)
    assert [each["frees"] for each in idle if each["repository"] == APP][-1] == 21
    assert desk.json("gc", "--grace", "0s")["blobs"] == len(idle)
    assert desk.bad("gc", "--grace", "soon").startswith("--grace is 'soon': write 30s")
