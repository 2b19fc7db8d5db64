"""Nodes that ask a mirror by the names of another registry."""

from base64 import b64encode
from pathlib import Path

import httpx
import pytest
from tests.accounts import Accounts, first_start
from tests.content import digest, put_image
from tests.registry import MANIFESTS
from tests.upstream.cache.conftest import HOST, Caching
from tests.upstream.cache.shop import LAYER, MANIFEST, opened

HUB = ("docker.io", "index.docker.io")
ACCEPT = {"accept": MANIFESTS}


def ask(client: httpx.Client, path: str, **more: str) -> httpx.Response:
    return client.get(path, headers={**ACCEPT, **more})


@pytest.mark.parametrize(
    ("path", "query", "namespace"),
    [
        ("team/app", f"?ns={HOST}", HOST),
        ("team/app", "?ns=up.test%3A5000", "up.test:5000"),
        (f"{HOST}/team/app", "", None),
        ("hub/team/app", "", None),
    ],
)
def test_ways_to_ask(path: str, query: str, namespace: str | None, caching: Caching) -> None:
    with opened() as (_, server):
        client = caching(server.address, hosts=(HOST, "up.test:5000")).client
        for _ in range(2):  # fetched, and then kept
            found = ask(client, f"/v2/{path}/manifests/1{query}")
            assert found.content == MANIFEST
            assert found.headers.get("oci-namespace") == namespace
            found = ask(client, f"/v2/{path}/blobs/{digest(LAYER)}{query}")
            assert found.content == LAYER
            assert found.headers.get("oci-namespace") == namespace
        assert server.paths()[0] == "/v2/team/app/manifests/1"
        assert len(server.paths()) == 2
        assert ask(client, "/v2/hub/team/app/tags/list").json()["tags"] == ["1"]


@pytest.mark.parametrize("path", ["hub/nginx", "docker.io/nginx", "nginx?ns=docker.io"])
def test_short_names_of_docker_hub(path: str, caching: Caching) -> None:
    with opened() as (_, server):
        client = caching(server.address, hosts=HUB).client
        name, _, query = path.partition("?")
        found = ask(client, f"/v2/{name}/manifests/1{'?' if query else ''}{query}")
        assert found.content == MANIFEST
        assert server.paths() == ["/v2/library/nginx/manifests/1"]
        assert ask(client, "/v2/_catalog").json()["repositories"] == ["hub/library/nginx"]


@pytest.mark.parametrize(
    ("path", "host", "there"),
    [
        ("docker.io/library/nginx", "docker.io", "library/nginx"),
        ("hub/library/nginx", "docker.io", "library/nginx"),
        ("hub/nginx", "docker.io", "hub/nginx"),
        (f"{HOST}/team/app", HOST, "team/app"),
        ("hub/team/app", HOST, "hub/team/app"),
    ],
)
def test_a_mirror_with_a_path(path: str, host: str, there: str, caching: Caching) -> None:
    """Clients put it before all names, and say the registry as well; but what begins with our
    project's name may be somebody's image there.
    """
    with opened() as (_, server):
        client = caching(server.address, hosts=(host,)).client
        assert ask(client, f"/v2/{path}/manifests/1?ns={host}").content == MANIFEST
        assert ask(client, f"/v2/{path}/blobs/{digest(LAYER)}?ns={host}").content == LAYER
        assert server.paths()[0] == f"/v2/{there}/manifests/1"


def test_a_registry_that_nobody_stands_for(caching: Caching) -> None:
    """Else a project of ours would be handed out for another registry's of the same name."""
    with opened() as (_, server):
        client = caching(server.address).client
        put_image(client, "team/app", "1", LAYER)
        found = ask(client, "/v2/team/app/manifests/1?ns=quay.io")
        assert found.status_code == 404
        assert found.json()["errors"][0]["code"] == "NAME_UNKNOWN"
        assert "warning" not in found.headers
        assert server.asked == []


def test_its_own_names(caching: Caching) -> None:
    with opened() as (_, server):
        settings = {"known_as": ("primary.test",), "public_url": "https://registry.test"}
        client = caching(server.address, settings=settings).client
        put_image(client, "team/app", "1", LAYER)
        for name in ("primary.test", "registry.test", client.base_url.netloc.decode()):
            assert ask(client, f"/v2/team/app/manifests/1?ns={name}").status_code == 200


def test_a_host_is_never_an_address_to_ask(caching: Caching) -> None:
    with opened() as (_, server), opened() as (_, other):
        client = caching(server.address).client
        for path in (f"team/app/manifests/1?ns={other.address}", "127.0.0.1/app/manifests/1"):
            assert ask(client, f"/v2/{path}").status_code == 404
        assert other.asked == []


def token(client: httpx.Client, name: str, auth: tuple[str, str]) -> str:
    scope = f"repository:{name}:pull"
    found = client.get("/token", params={"service": "x", "scope": scope}, auth=auth)
    assert found.status_code == 200
    text: str = found.json()["token"]
    return text


def test_roles_say_who_may(caching: Caching, tmp_path: Path) -> None:
    """A token is asked for by the name that the client knows."""
    with opened() as (_, server):
        first_start(tmp_path / "cache")
        settings = {"dangerously_without_accounts": False}
        served = caching(server.address, hosts=HUB, settings=settings)
        accounts, client = Accounts(served.folder), served.client
        alice = accounts.user("alice", "reader:hub/library/*").pair
        eve = accounts.user("eve", "reader:team/*").pair
        ways = {"docker.io/nginx": "", "docker.io/library/nginx": "", "hub/nginx": ""}
        for name in ways:
            path = f"/v2/{name}/manifests/1"
            bearer = f"Bearer {token(client, name, alice)}"
            assert ask(client, path, authorization=bearer).content == MANIFEST
            assert ask(client, path, authorization=f"Bearer {token(client, name, eve)}").is_error
        path = "/v2/library/nginx/manifests/1?ns=docker.io"
        challenge = ask(client, path).headers["www-authenticate"]
        assert 'scope="repository:docker.io/library/nginx:pull"' in challenge
        basic = "Basic " + b64encode(":".join(alice).encode()).decode()
        assert ask(client, path, authorization=basic).content == MANIFEST
        for place in ("docker.io", "hub"):
            path = f"/v2/{place}/library/nginx/manifests/1?ns=docker.io"
            challenge = ask(client, path).headers["www-authenticate"]
            assert f'scope="repository:{place}/library/nginx:pull"' in challenge
            assert ask(client, path, authorization=basic).content == MANIFEST
        other = ask(client, "/v2/team/app/manifests/1?ns=docker.io", authorization=basic)
        assert other.status_code == 403
        stranger = "Basic " + b64encode(":".join(eve).encode()).decode()
        found = ask(client, path, authorization=stranger)
        assert (found.status_code, found.json()["errors"][0]["code"]) == (403, "DENIED")
        assert f"/v2/library/nginx/blobs/{digest(LAYER)}" not in server.paths()
