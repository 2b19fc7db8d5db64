"""Clients that do not say for which registry they ask: the host says it by which they come."""

from base64 import b64encode
from pathlib import Path

import httpx
import pytest
from tests.accounts import Accounts, first_start
from tests.content import digest, put_image
from tests.registry import MANIFESTS
from tests.upstream.cache.conftest import Caching
from tests.upstream.cache.shop import LAYER, MANIFEST, opened

MIRROR = "hub.test:5000"
HUB = ("docker.io", "index.docker.io")
SETTINGS = {"mirror_hosts": (f"{MIRROR}=docker.io",), "public_url": "https://registry.test"}
IMAGE = "/v2/library/nginx/manifests/1"


def ask(client: httpx.Client, path: str = IMAGE, host: str = MIRROR, **more: str) -> httpx.Response:
    return client.get(path, headers={"accept": MANIFESTS, "host": host, **more})


@pytest.mark.parametrize("name", ["library/nginx", "nginx"])
def test_what_comes_by_the_host_is_of_its_registry(name: str, caching: Caching) -> None:
    with opened() as (_, server):
        client = caching(server.address, hosts=HUB, settings=SETTINGS).client
        for _ in range(2):  # fetched, and then kept
            found = ask(client, f"/v2/{name}/manifests/1")
            assert (found.content, found.headers["oci-namespace"]) == (MANIFEST, "docker.io")
            assert ask(client, f"/v2/{name}/blobs/{digest(LAYER)}").content == LAYER
        assert server.paths()[0] == IMAGE
        assert ask(client, "/v2/hub/library/nginx/tags/list", "t").json()["tags"] == ["1"]


@pytest.mark.parametrize("first", [MIRROR, "registry.test"])
@pytest.mark.parametrize("protocol", ["own", "httptools"])
def test_an_own_image_of_the_same_name_is_another(
    first: str, protocol: str, caching: Caching
) -> None:
    """However ready the other's answer lies."""
    with opened() as (_, server):
        served = caching(server.address, hosts=HUB, settings=SETTINGS, protocol=protocol)
        client = served.client
        own = put_image(client, "library/nginx", "1", b"of our own")
        hosts = (MIRROR, "registry.test") if first == MIRROR else ("registry.test", MIRROR)
        for host in hosts * 3:
            found = ask(client, host=host).content
            assert (digest(found) == own, found == MANIFEST) == (host != MIRROR, host == MIRROR)


def test_a_host_whose_registry_nobody_stands_for(caching: Caching) -> None:
    with opened() as (_, server):
        client = caching(server.address, hosts=("quay.io",), settings=SETTINGS).client
        put_image(client, "library/nginx", "1", b"of our own")
        found = ask(client)
        assert found.status_code == 404
        assert "docker.io" in found.json()["errors"][0]["message"]
        assert server.asked == []


def test_who_says_the_registry_is_believed(caching: Caching) -> None:
    with opened() as (_, server):
        client = caching(server.address, hosts=("up.test",), settings=SETTINGS).client
        assert ask(client, "/v2/team/app/manifests/1?ns=up.test").content == MANIFEST


def test_a_token_is_for_what_the_host_means(caching: Caching, tmp_path: Path) -> None:
    """docker asks for a token by the name that it knows, where the challenge says."""
    with opened() as (_, server):
        first_start(tmp_path / "cache")
        settings = {**SETTINGS, "dangerously_without_accounts": False}
        served = caching(server.address, hosts=HUB, settings=settings)
        accounts, client = Accounts(served.folder), served.client
        challenge = ask(client, "/v2/").headers["www-authenticate"]
        assert f'realm="http://{MIRROR}/token"' in challenge
        other = ask(client, "/v2/", host="registry.test").headers["www-authenticate"]
        assert 'realm="https://registry.test/token"' in other
        for user, granted, wanted in (
            ("alice", "reader:hub/library/*", 200),
            ("eve", "reader:library/*", 401),
        ):
            pair = accounts.user(user, granted).pair
            basic = "Basic " + b64encode(":".join(pair).encode()).decode()
            scope = "/token?scope=repository:library/nginx:pull"
            token = ask(client, scope, authorization=basic).json()["token"]
            found = ask(client, authorization=f"Bearer {token}")
            assert found.status_code == wanted
            token = ask(client, scope, "registry.test", authorization=basic).json()["token"]
            assert ask(client, authorization=f"Bearer {token}").status_code == 401
