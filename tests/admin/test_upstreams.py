"""Upstreams by the admin API: who may, what is refused, and that no password comes out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.accounts import first_start
from tests.admin.office import At, Office
from tests.content import dump, put_image
from tests.served import serving
from tests.upstream.cache.shop import LAYER, MANIFEST, OTHER, opened
from tests.upstream.cache.test_fetching import manifest
from tests.upstream.clouds.google_cloud import EMAIL, Google, private_key
from tests.upstream.scripted import scripted


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder: Path = tmp_path_factory.mktemp("office") / "data"
    first_start(folder)
    allow = ("127.0.0.0/8",)
    with serving(folder, "own", dangerously_without_accounts=False, outbound_allow=allow) as served:
        yield Office(served)


@pytest.fixture
def admin(office: Office) -> At:
    return office.admin.at


def test_a_project_that_stands_for_another_registry(office: Office, admin: At) -> None:
    with opened() as (shop, server):
        wanted = {"project": "hub", "url": f"http://{server.address}", "hosts": ["Docker.io"]}
        made = admin.post("/upstreams", {**wanted, "login": "bot", "password": "hidden words"})
        assert made.status_code == 201, made.text
        shown = made.json()
        assert shown["hosts"] == ["docker.io"]
        assert (shown["login"], shown["has_password"]) == ("bot", True)
        assert admin.get("/projects/hub").json()["public"] is False
        client = office.served.client
        client.headers["authorization"] = admin.authorization
        assert manifest(client).content == MANIFEST
        shop.tags["1"] = OTHER
        assert manifest(client).content == MANIFEST
        changed = admin.patch("/upstreams/hub", {"tag_seconds": 0})
        assert changed.json()["tag_seconds"] == 0
        assert manifest(client).content == OTHER, "an answer was kept ready"
        for path in ("/upstreams/hub", "/upstreams", "/audit?limit=1000"):
            assert "hidden words" not in admin.get(path).text
    assert admin.delete("/upstreams/hub").status_code == 204
    assert admin.get("/upstreams/hub").status_code == 404
    assert manifest(client).content == OTHER
    put_image(client, "hub/team/app", "2", LAYER)


BAD = {
    "a path": {"url": "https://up.test/v2"},
    "no TLS": {"url": "http://up.test"},
    "a user": {"url": "https://a:b@up.test"},
    "no host": {"hosts": ["docker.io/library"]},
    "no host but a project": {"hosts": ["team"]},
    "no pattern": {"allow": ["*nginx"]},
    "no CA": {"ca": "hello"},
    "never": {"tag_seconds": -1},
    "nothing": {"largest": 0},
    "no project": {"project": "a/b"},
    "not Amazon's": {"kind": "ecr"},
    "not Google's": {"kind": "google"},
    "nobody's": {"kind": "azure"},
}


@pytest.mark.parametrize("more", BAD.values(), ids=BAD)
def test_what_is_refused(more: dict[str, object], admin: At) -> None:
    wanted = {"project": "bad", "url": "https://up.test", **more}
    assert admin.post("/upstreams", wanted).status_code == 422


def test_a_project_with_images_of_its_own(office: Office, admin: At) -> None:
    client = office.served.client
    client.headers["authorization"] = admin.authorization
    put_image(client, "own/app", "1", LAYER)
    found = admin.post("/upstreams", {"project": "own", "url": "https://up.test"})
    assert found.status_code == 409
    assert "images of its own" in found.text
    adopted = {"project": "own", "url": "https://up.test", "adopt": True}
    assert admin.post("/upstreams", adopted).status_code == 201
    assert client.get("/v2/own/app/manifests/1").status_code == 200
    assert admin.delete("/upstreams/own").status_code == 204


def test_a_host_means_one_project(admin: At) -> None:
    one = {"project": "one", "url": "https://up.test", "hosts": ["one.test"]}
    assert admin.post("/upstreams", one).status_code == 201
    assert admin.post("/upstreams", one).status_code == 409
    two = {"project": "two", "url": "https://up.test", "hosts": ["one.test"]}
    assert admin.post("/upstreams", two).status_code == 409
    assert admin.get("/upstreams/two").status_code == 404


def test_a_project_that_is_called_like_a_host(admin: At) -> None:
    assert admin.post("/projects", {"name": "shared.test"}).status_code == 201
    made = {"project": "three", "url": "https://up.test", "hosts": ["shared.test"]}
    assert admin.post("/upstreams", made).status_code == 409
    same = {"project": "same.test", "url": "https://same.test"}
    assert admin.post("/upstreams", same).status_code == 201


def test_a_password_is_for_one_host(admin: At) -> None:
    made = {"project": "moved", "url": "https://up.test", "login": "bot", "password": "x"}
    assert admin.post("/upstreams", {**made, "hosts": ["moved.test"]}).status_code == 201
    found = admin.patch("/upstreams/moved", {"url": "https://evil.test"})
    assert found.status_code == 422
    again = {"url": "https://other.test", "password": "y"}
    assert admin.patch("/upstreams/moved", again).json()["url"] == "https://other.test"


def test_a_cloud_login_goes_to_that_cloud_alone(admin: At) -> None:
    """What the server's own identity is traded for is for Amazon, whoever moves the upstream."""
    url = "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    made = admin.post("/upstreams", {"project": "ecr", "url": url, "kind": "ecr"})
    assert made.status_code == 201, made.text
    found = admin.patch("/upstreams/ecr", {"url": "https://evil.test"})
    assert (found.status_code, "none of Amazon's" in found.text) == (422, True)
    there = admin.patch("/upstreams/ecr", {"url": url.replace("eu-west-1", "eu-north-1")})
    assert there.status_code == 200
    half = {"project": "half", "url": url, "hosts": ["half.test"], "kind": "ecr", "login": "AKIA"}
    assert "give both" in admin.post("/upstreams", half).text


def test_googles_key_names_its_account(admin: At) -> None:
    url = "https://europe-docker.pkg.dev"
    wanted = {"project": "gar", "url": url, "kind": "google"}
    assert "service account's key" in admin.post("/upstreams", {**wanted, "password": "x"}).text
    key = Google(private_key()).service_key()
    made = admin.post("/upstreams", {**wanted, "password": dump(key).decode()})
    assert made.status_code == 201, made.text
    assert (made.json()["login"], made.json()["has_password"]) == (EMAIL, True)
    for path in ("/upstreams/gar", "/upstreams", "/audit?limit=1000"):
        assert "PRIVATE KEY" not in admin.get(path).text
    assert admin.patch("/upstreams/gar", {"url": "https://gcr.io"}).status_code == 422
    own = admin.patch("/upstreams/gar", {"password": ""}).json()
    assert (own["login"], own["has_password"]) == ("", False)
    assert admin.patch("/upstreams/gar", {"url": "https://evil.test"}).status_code == 422
    assert admin.patch("/upstreams/gar", {"url": "https://gcr.io"}).status_code == 200


def test_why_nobody_logs_in_is_shown(office: Office, admin: At) -> None:
    cloud = Google(private_key())
    with scripted(cloud.answer) as server:
        cloud.address = server.address
        key = dump(cloud.service_key(private_key("another"))).decode()
        wanted = {"project": "wrong", "url": "https://eu.gcr.io", "kind": "google"}
        assert admin.post("/upstreams", {**wanted, "password": key}).status_code == 201
        client = office.served.client
        client.headers["authorization"] = admin.authorization
        found = client.get("/v2/wrong/team/app/manifests/1")
        assert (found.status_code, "invalid_grant" in found.text) == (404, False)
        assert "invalid_grant" in admin.get("/upstreams/wrong").json()["trouble"]


def test_a_lost_update(admin: At) -> None:
    made = admin.post("/upstreams", {"project": "lost", "url": "https://lost.test"})
    tag = made.headers["etag"]
    assert admin.patch("/upstreams/lost", {"everything": True}, tag).status_code == 200
    assert admin.patch("/upstreams/lost", {"everything": False}, tag).status_code == 412
    assert admin.delete("/upstreams/lost", tag).status_code == 412
