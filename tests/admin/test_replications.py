"""Replications by the admin API: who may, what is refused, and that no password comes out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.accounts import first_start
from tests.admin.office import At, Office
from tests.content import put_image
from tests.served import serving
from tests.upkeep.replication.conftest import held
from tests.upstream.peer import docker_registry
from tests.waiting import until


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder: Path = tmp_path_factory.mktemp("office") / "data"
    first_start(folder)
    settings: dict[str, Any] = {"outbound_allow": ("127.0.0.0/8",), "upkeep_pause": 0.2}
    with serving(folder, "own", dangerously_without_accounts=False, **settings) as served:
        yield Office(served)


@pytest.fixture
def admin(office: Office) -> At:
    return office.admin.at


def test_the_life_of_a_rule(office: Office, admin: At, tmp_path: Path) -> None:
    client = office.served.client
    client.headers["authorization"] = admin.authorization
    root = put_image(client, "team/app", "1.0", b"layer")
    with docker_registry(tmp_path / "peer") as address:
        url = f"http://{address}"
        wanted = {"name": "far", "url": url, "pattern": "team/*", "login": "bot"}
        made = admin.post("/replications", {**wanted, "password": "hidden words"})
        assert made.status_code == 201, made.text
        assert made.json()["every"] == 24 * 3600
        until(lambda: held(url, "team/app", "1.0") == root)
        done = {"done": 1, "waiting": 0, "lag": 0, "error": ""}.items()
        until(lambda: done <= admin.get("/replications/far").json().items())
        (tag,) = admin.get("/replications/far/tags").json()["items"]
        assert (tag["repository"], tag["tag"], tag["state"]) == ("team/app", "1.0", "done")
        assert admin.get("/replications/far/tags?state=waiting").json()["items"] == []
        for path in ("/replications/far", "/replications", "/audit?limit=1000"):
            assert "hidden words" not in admin.get(path).text
        assert admin.patch("/replications/far", {"paused": True}).json()["paused"] is True
        assert admin.post("/replications/far/run", {}).status_code == 409
        later = put_image(client, "team/app", "1.1", b"later")
        assert held(url, "team/app", "1.1") is None
        assert admin.patch("/replications/far", {"paused": False}).status_code == 200
        until(lambda: held(url, "team/app", "1.1") == later)
        assert admin.post("/replications/far/run", {}).status_code == 202
    assert admin.delete("/replications/far").status_code == 204
    assert admin.get("/replications/far").status_code == 404
    client.headers.pop("authorization")


def test_pages_of_tags(office: Office, admin: At) -> None:
    client = office.served.client
    client.headers["authorization"] = admin.authorization
    for tag in ("1", "2", "3"):
        put_image(client, "pages/app", tag, b"layer")
    wanted = {"name": "pages", "url": "http://127.0.0.1:9", "pattern": "pages/*"}
    assert admin.post("/replications", wanted).status_code == 201
    until(lambda: admin.get("/replications/pages").json()["waiting"] == 3)
    until(lambda: "127.0.0.1:9" in admin.get("/replications/pages").json()["error"])
    page = admin.get("/replications/pages/tags?limit=2").json()
    assert [each["tag"] for each in page["items"]] == ["1", "2"]
    page = admin.get(f"/replications/pages/tags?limit=2&after={page['next']}").json()
    assert ([each["tag"] for each in page["items"]], page["next"]) == (["3"], None)
    assert admin.delete("/replications/pages").status_code == 204
    client.headers.pop("authorization")


BAD = {
    "a path": {"url": "https://far.test/v2"},
    "no TLS": {"url": "http://far.test"},
    "a user": {"url": "https://a:b@far.test"},
    "no pattern": {"pattern": "*app"},
    "no target": {"target": "A"},
    "no tags": {"tags": ["a b"]},
    "no versions": {"versions": "about 2"},
    "no direction": {"direction": "up"},
    "no rate": {"rate": 0},
    "all the time": {"every": 0},
    "no CA": {"ca": "hello"},
    "no name": {"name": "a/b"},
}


@pytest.mark.parametrize("more", BAD.values(), ids=BAD)
def test_what_is_refused(more: dict[str, object], admin: At) -> None:
    wanted = {"name": "bad", "url": "https://far.test", "pattern": "team/*", **more}
    assert admin.post("/replications", wanted).status_code == 422


PAUSED = {"url": "https://far.test", "pattern": "team/*", "paused": True}


def test_a_password_is_for_one_host(admin: At) -> None:
    made = {**PAUSED, "name": "moved", "login": "bot", "password": "x"}
    assert admin.post("/replications", made).status_code == 201
    assert admin.post("/replications", made).status_code == 409
    assert admin.patch("/replications/moved", {"url": "https://evil.test"}).status_code == 422
    again = {"url": "https://other.test", "password": "y"}
    assert admin.patch("/replications/moved", again).json()["url"] == "https://other.test"


def test_no_pull_into_what_stands_for_another_registry(admin: At) -> None:
    upstream = {"project": "hub", "url": "https://up.test", "hosts": ["up.test"]}
    assert admin.post("/upstreams", upstream).status_code == 201
    wanted = {**PAUSED, "name": "hub", "direction": "pull", "target": "hub"}
    answer = admin.post("/replications", wanted)
    assert (answer.status_code, "stands for another" in answer.text) == (409, True)
    assert admin.post("/replications", {**wanted, "target": "hubs"}).status_code == 201


def test_a_lost_update(admin: At) -> None:
    made = admin.post("/replications", {**PAUSED, "name": "lost"})
    tag = made.headers["etag"]
    assert admin.patch("/replications/lost", {"deletions": True}, tag).status_code == 200
    assert admin.patch("/replications/lost", {"deletions": False}, tag).status_code == 412
    assert admin.delete("/replications/lost", tag).status_code == 412
