"""Whoever says that a push comes from another registry may do no more by that than without it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.accounts import ADMIN, Accounts, Credential, first_start
from tests.content import dump, image, put_image, try_manifest
from tests.served import serving

MARKS = ["0a 1", "0a 999999999999", "0a 999999999999 deletions"]
OTHER = dump(image())


@dataclass
class Play:
    url: str
    people: dict[str, Credential]

    def client(self, who: str) -> httpx.Client:
        pair = self.people[who].pair if who in self.people else ADMIN.pair
        return httpx.Client(base_url=self.url, auth=pair, timeout=30)


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    folder: Path = tmp_path_factory.mktemp("marks")
    first_start(folder)
    with serving(folder, "own", dangerously_without_accounts=False) as served:
        accounts = Accounts(folder)
        accounts.project("team", immutable=("held",))
        people = {
            who: accounts.user(who, f"{who}:team/*") for who in ("reader", "writer", "maintainer")
        }
        made = Play(served.url, people)
        with made.client("admin") as admin:
            for tag in ("1", "held"):
                put_image(admin, "team/app", tag, b"layer")
        yield made


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize(("who", "tag"), [("reader", "1"), ("writer", "1"), ("maintainer", "held")])
def test_it_moves_and_deletes_nothing_that_they_may_not(
    play: Play, who: str, tag: str, mark: str
) -> None:
    path = f"/v2/team/app/manifests/{tag}"
    with play.client(who) as client:
        before = client.head(path).headers["docker-content-digest"]
        client.headers["entrepot-replicated"] = mark
        try_manifest(client, "team/app", tag, OTHER)
        client.delete(path)
        assert client.head(path).headers["docker-content-digest"] == before


def test_what_is_written_down_says_who_and_when(play: Play) -> None:
    """However long ago they say that it was."""
    began = time.time()
    with play.client("maintainer") as client, play.client("admin") as admin:
        client.headers["entrepot-replicated"] = "0a 1"
        put_image(client, "team/new", "1", b"layer")
        rows = admin.get("/api/v1/audit", params={"limit": "100"}).json()["items"]
    (row, *_) = [each for each in rows if each["repository"] == "team/new"]
    assert row["actor"] == "user:maintainer"
    assert row["at"] >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(began - 1))
