"""Immutable tags by HTTP, as an admin, whom they hold for too; on both databases."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.accounts import ADMIN
from tests.content import digest, dump, image, put_blob, put_image, put_manifest, try_manifest
from tests.registry import StartRegistry

APP = "team/app"
PROJECT = "/api/v1/projects/team"
RULE = {"tag": "v1", "rule": 1, "about": "tags v* in team/*", "set_by": "user:admin"}
SAYS = "team/app:v1 is immutable by rule 1 (tags v* in team/*, set by user:admin on "


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest) -> dict[str, str]:
    """Where the metadata lies; the database outlives the registry."""
    if request.param == "sqlite":
        return {}
    return {"database_url": request.getfixturevalue("database_url")}


@pytest.fixture
def client(where: dict[str, str], start_registry: StartRegistry) -> Iterator[httpx.Client]:
    """An admin at a registry with two workers whose project team has immutable tags v*."""
    registry = start_registry(
        **where,
        dangerously_without_accounts=False,
        admin_password=ADMIN.secret,
        workers=2,
        sparse_manifests=True,
    )
    with httpx.Client(base_url=registry.url, auth=ADMIN.pair, timeout=60) as client:
        made = client.post("/api/v1/projects", json={"name": "team", "immutable": ["v*"]})
        assert made.status_code == 201
        yield client


def test_what_is_refused_and_what_is_not(client: httpx.Client) -> None:
    made = put_image(client, APP, "v1", b"layer")
    assert put_image(client, APP, "v1", b"layer") == made
    other = put_image(client, APP, "latest", b"other layer")
    document = image(b"other layer")
    below = f"/v2/{APP}"
    refused: dict[str, Callable[[], httpx.Response]] = {
        "move": lambda: try_manifest(client, APP, "v1", dump(document), str(document["mediaType"])),
        "delete": lambda: client.delete(f"{below}/manifests/v1"),
        "delete its manifest": lambda: client.delete(f"{below}/manifests/{made}"),
        "delete its blob": lambda: client.delete(f"{below}/blobs/{digest(b'layer')}"),
    }
    for what, ask in refused.items():
        answer = ask()
        assert answer.status_code == 403, what
        [error] = answer.json()["errors"]
        assert error["code"] == "DENIED"
        assert error["message"].startswith(SAYS), what
        assert error["detail"] == RULE
    for path, query in (
        ("/tags", {"repository": APP, "tag": "v1"}),
        (f"/repositories/{APP}", {"confirm": APP}),
    ):
        answer = client.delete(f"/api/v1{path}", params=query)
        assert answer.status_code == 403, path
        assert answer.json()["detail"].startswith(SAYS)
    assert client.delete(PROJECT).status_code == 409
    put_image(client, APP, "latest", b"layer")
    assert client.delete(f"{below}/manifests/{other}").status_code == 202
    assert client.get(f"{below}/manifests/v1").headers["docker-content-digest"] == made
    assert client.get(f"{below}/blobs/{digest(b'layer')}").content == b"layer"


def test_restoring_moves_none(client: httpx.Client) -> None:
    client.patch(PROJECT, json={"immutable": []}).raise_for_status()
    first = put_image(client, APP, "v1", b"one")
    assert client.delete(f"/v2/{APP}/manifests/{first}").status_code == 202
    second = put_image(client, APP, "v1", b"two")
    client.patch(PROJECT, json={"immutable": ["v*"]}).raise_for_status()
    [item] = client.get("/api/v1/trash").json()["items"]
    restore = f"/api/v1/trash/{item['id']}/restore"
    answer = client.post(restore, json={"move": True})
    says = SAYS.replace("rule 1", "rule 2")
    assert (answer.status_code, answer.json()["detail"][: len(SAYS)]) == (403, says)
    found = client.post(restore, json={"move": False}).json()
    assert found["kept"] == [{"tag": "v1", "here": second, "trashed": first}]
    assert client.get(f"/v2/{APP}/manifests/{first}").status_code == 200


def test_of_pushes_at_once_one_makes_the_tag(client: httpx.Client) -> None:
    documents = [image(config=b"%d" % number) for number in range(8)]
    for number in range(8):
        put_blob(client, APP, b"%d" % number)

    def push(document: dict[str, object], tag: str) -> int:
        with httpx.Client(base_url=client.base_url, auth=ADMIN.pair, timeout=60) as own:
            kind = str(document["mediaType"])
            return try_manifest(own, APP, tag, dump(document), kind).status_code

    with ThreadPoolExecutor(8) as pool:
        for tag in (f"v{number}" for number in range(10)):
            found = list(pool.map(push, documents, [tag] * 8))
            assert sorted(found) == [201] + 7 * [403]
            won = dump(documents[found.index(201)])
            assert client.get(f"/v2/{APP}/manifests/{tag}").content == won
    put_manifest(client, APP, "latest", documents[0])
    put_manifest(client, APP, "latest", documents[1])
