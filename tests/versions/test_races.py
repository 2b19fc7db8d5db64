"""Promotions and rollbacks at once, over HTTP, on SQLite and PostgreSQL: one wins, the others are
told who was faster; and a push never moves a channel.
"""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.admin.office import At, at_once, fresh
from tests.content import dump, image, put_image, try_manifest
from tests.served import serving

from entrepot.auth import bootstrap
from entrepot.db import place

VERSIONS = [f"1.{number}.0" for number in range(6)]


@dataclass
class Channelled:
    """A repository with a channel `prod` alone, and images."""

    app: str
    at: At
    client: httpx.Client
    digests: dict[str, str]

    def promote(self, version: str, **more: Any) -> httpx.Response:
        body = {"repository": self.app, "version": version, "to": "prod", **more}
        return self.at.post("/promotions", body)

    def back(self, **more: Any) -> httpx.Response:
        body = {"repository": self.app, "channel": "prod", **more}
        return self.at.post("/promotions/rollback", body)

    def stays(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.at.get("/promotions", repository=self.app).json()[
            "items"
        ]
        return found

    def tag(self) -> str:
        answer = self.client.head(f"/v2/{self.app}/manifests/prod")
        return answer.headers["docker-content-digest"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """The admin at a registry that the tests of this file share."""
    folder: Path = tmp_path_factory.mktemp("races")
    url = request.getfixturevalue("postgres").new() if request.param == "postgresql" else ""
    where = place.find(folder, url)
    where.prepare()
    with closing(where.connect()) as db:
        bootstrap.furnish(db, ADMIN.secret)
    open_ = {"dangerously_without_accounts": False}
    with serving(folder, "own", None, database_url=url, **open_) as served:
        served.client.auth = ADMIN.pair
        yield served.client


@pytest.fixture
def channelled(client: httpx.Client) -> Channelled:
    app = f"{fresh('race')}/app"
    digests = {version: put_image(client, app, version, version.encode()) for version in VERSIONS}
    at = At(client, f"Basic {b64encode(':'.join(ADMIN.pair).encode()).decode()}")
    order = {"channels": ["prod"]}
    at.request("PUT", "/channels", params={"scope": app}, json=order).raise_for_status()
    return Channelled(app, at, client, digests)


def statuses(answers: list[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def test_of_many_who_saw_the_same_one_promotes(channelled: Channelled) -> None:
    channelled.promote("1.0.0").raise_for_status()
    seen = channelled.digests["1.0.0"]
    answers = at_once(
        *(partial(channelled.promote, version, expected=seen) for version in VERSIONS[1:])
    )
    assert statuses(answers) == [200, 409, 409, 409, 409]
    won = next(answer.json()["here"] for answer in answers if answer.status_code == 200)
    assert channelled.tag() == won["digest"]
    for answer in answers:
        if answer.status_code == 409:
            told = answer.json()
            assert f"user:admin brought {won['version']} at " in told["detail"]
            assert told["now"] == won
    assert [each["version"] for each in channelled.stays()] == [won["version"], "1.0.0"]


def test_who_says_nothing_of_what_they_saw_loses_no_move_either(channelled: Channelled) -> None:
    answers = at_once(*(partial(channelled.promote, version) for version in VERSIONS))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert set(statuses(answers)) <= {200, 409}
    stays = channelled.stays()
    assert {each["here"]["version"] for each in won} == {each["version"] for each in stays}
    assert [each["until"] for each in stays].count(None) == 1
    assert channelled.tag() == stays[0]["digest"]
    befores = [each["before"] and each["before"]["version"] for each in won]
    assert sorted(filter(None, befores)) == sorted(each["version"] for each in stays[1:])


def test_the_same_version_twice_is_promoted_once(channelled: Channelled) -> None:
    answers = at_once(*[partial(channelled.promote, "1.0.0", expected="")] * 4)
    assert statuses(answers) == [200] * 4
    assert sorted(answer.json()["moved"] for answer in answers) == [False, False, False, True]
    assert len(channelled.stays()) == 1


def test_of_many_who_go_back_one_does(channelled: Channelled) -> None:
    for version in VERSIONS:
        channelled.promote(version).raise_for_status()
    seen = channelled.digests["1.5.0"]
    answers = at_once(*[partial(channelled.back, expected=seen)] * 4)
    assert statuses(answers) == [200, 409, 409, 409]
    assert channelled.tag() == channelled.digests["1.4.0"]
    bad = channelled.at.get("/bad-versions", repository=channelled.app).json()["items"]
    assert [each["version"] for each in bad] == ["1.5.0"]
    asked = {"repository": channelled.app, "limit": 3}
    rows = channelled.at.get("/audit", **asked).json()["items"]
    assert {row["action"] for row in rows} >= {"rolled back", "version marked bad"}


def test_forward_or_back_but_not_both(channelled: Channelled) -> None:
    for version in VERSIONS[:2]:
        channelled.promote(version).raise_for_status()
    seen = channelled.digests["1.1.0"]
    answers = at_once(
        partial(channelled.back, expected=seen), partial(channelled.promote, "1.2.0", expected=seen)
    )
    assert statuses(answers) == [200, 409]
    back = answers[0].status_code == 200
    assert channelled.tag() == channelled.digests["1.0.0" if back else "1.2.0"]


def test_a_push_at_the_same_time_is_refused(channelled: Channelled) -> None:
    channelled.promote("1.0.0").raise_for_status()

    def push(layer: bytes) -> httpx.Response:
        document = image(layer)
        content = dump(document)
        return try_manifest(
            channelled.client, channelled.app, "prod", content, document["mediaType"]
        )

    answers = at_once(
        partial(channelled.promote, "1.1.0"),
        partial(push, b"1.2.0"),
        partial(push, b"1.3.0"),
        partial(channelled.client.delete, f"/v2/{channelled.app}/manifests/prod"),
    )
    assert [answer.status_code for answer in answers] == [200, 403, 403, 403]
    [error] = answers[1].json()["errors"]
    assert error["code"] == "DENIED"
    assert f"entrepot promote {channelled.app} VERSION --to prod" in error["message"]
    assert channelled.tag() == channelled.digests["1.1.0"]
