"""Real registries as upstreams: docker-registry, with a login, killed; an Entrepot with tokens."""

import time
from pathlib import Path

import httpx
from tests.accounts import ADMIN
from tests.cli.desk import furnished
from tests.content import EMPTY, OCI_MANIFEST, digest, put_image
from tests.upstream.cache.conftest import Caching
from tests.upstream.cache.shop import LAYER, MANIFEST, SMALL
from tests.upstream.cache.test_fetching import manifest, pull
from tests.upstream.peer import docker_registry

ALICE = ("alice", "secret-of-alice")
LINE = "alice:$2b$05$abcdefghijklmnopqrstuu1Uu84v11glUzUIYqnv1xIIPMk8cfLlK"


def push(address: str, **more: tuple[str, str]) -> None:
    with httpx.Client(base_url=f"http://{address}", **more) as client:  # type: ignore[arg-type]
        for part in (EMPTY, LAYER, SMALL):
            begun = client.post("/v2/team/app/blobs/uploads/")
            where = begun.headers["location"]
            done = client.put(where, params=_with(where, digest(part)), content=part)
            assert done.status_code == 201, done.text
        headers = {"content-type": OCI_MANIFEST}
        done = client.put("/v2/team/app/manifests/1", content=MANIFEST, headers=headers)
        assert done.status_code == 201, done.text


def _with(where: str, found: str) -> dict[str, str]:
    given = dict(httpx.URL(where).params)
    return {**given, "digest": found}


def test_it_is_killed(caching: Caching, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "peer") as address:
        push(address)
        client = caching(address, tag_seconds=0.1).client
        pull(client)
        time.sleep(0.2)
        assert "warning" not in manifest(client).headers
    time.sleep(0.2)
    pull(client)
    assert "may be old" in manifest(client).headers["warning"]
    assert manifest(client, "2").status_code == 503


def test_it_wants_a_login(caching: Caching, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "peer", LINE) as address:
        push(address, auth=ALICE)
        stranger = caching(address, "without").client
        found = manifest(stranger)
        assert found.status_code == 404
        assert "it has no login" in found.text
        pull(caching(address, "with", login=ALICE[0], secret=ALICE[1]).client)


def test_an_entrepot_with_tokens(caching: Caching, tmp_path: Path) -> None:
    with furnished(tmp_path / "desk") as desk:
        with httpx.Client(base_url=desk.url, auth=ADMIN.pair) as client:
            put_image(client, "team/app", "1", LAYER, SMALL)
        address = desk.url.removeprefix("http://")
        user, password = ADMIN.pair
        pull(caching(address, login=user, secret=password).client)
