"""Floating tags by HTTP while several push at once, to two workers; on both databases."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.accounts import ADMIN
from tests.content import dump, image, put_blob, put_image, try_manifest
from tests.registry import StartRegistry

APP = "team/app"


@pytest.mark.parametrize("where", ["sqlite", "postgres"])
def test_of_versions_pushed_at_once_the_newest_wins(
    where: str, request: pytest.FixtureRequest, start_registry: StartRegistry
) -> None:
    more = {} if where == "sqlite" else {"database_url": request.getfixturevalue("database_url")}
    registry = start_registry(
        **more, dangerously_without_accounts=False, admin_password=ADMIN.secret, workers=2
    )
    with httpx.Client(base_url=registry.url, auth=ADMIN.pair, timeout=60) as client:
        client.post("/api/v1/projects", json={"name": "team"}).raise_for_status()
        asked = {"major": True, "minor": True, "latest": True}
        at = "/api/v1/floating-tags"
        client.put(at, params={"pattern": "team"}, json=asked).raise_for_status()
        versions = [f"1.{minor}.{patch}" for minor in (4, 5) for patch in range(6)]
        for version in versions:
            put_blob(client, APP, version.encode())

        def push(version: str) -> int:
            with httpx.Client(base_url=registry.url, auth=ADMIN.pair, timeout=60) as own:
                document = image(config=version.encode())
                kind = str(document["mediaType"])
                return try_manifest(own, APP, version, dump(document), kind).status_code

        def points(tag: str) -> str:
            return str(registry_digest(client, tag))

        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(push, reversed(versions)))
        assert found == [201] * len(versions)
        wanted = {"1.4": "1.4.5", "1.5": "1.5.5", "1": "1.5.5", "latest": "1.5.5"}
        assert {tag: points(tag) for tag in wanted} == {
            tag: points(version) for tag, version in wanted.items()
        }
        put_image(client, APP, "1.4.6", b"seen by both workers at once")
        for _ in range(8):
            with httpx.Client(base_url=registry.url, auth=ADMIN.pair) as own:
                assert registry_digest(own, "1.4") == points("1.4.6")


def registry_digest(client: httpx.Client, tag: str) -> str:
    answer = client.head(f"/v2/{APP}/manifests/{tag}")
    assert answer.status_code == 200
    return str(answer.headers["docker-content-digest"])
