"""The table of versions, kept in each worker's memory: no push and no deletion is missed by any."""

from collections.abc import Iterator

import httpx
import pytest
from tests.accounts import ADMIN
from tests.content import put_image
from tests.registry import StartRegistry

APP = "team/app"


@pytest.fixture(params=["sqlite", "postgres"])
def client(request: pytest.FixtureRequest, start_registry: StartRegistry) -> Iterator[httpx.Client]:
    """An admin at a registry with two workers, who connects anew for each request."""
    where = {}
    if request.param == "postgres":
        where = {"database_url": request.getfixturevalue("database_url")}
    registry = start_registry(
        **where,
        dangerously_without_accounts=False,
        admin_password=ADMIN.secret,
        workers=2,
    )
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=registry.url, auth=ADMIN.pair, timeout=60, limits=limits) as client:
        yield client


def tags(client: httpx.Client) -> list[str]:
    answer = client.get("/api/v1/versions", params={"repository": APP})
    assert answer.status_code == 200, answer.text
    return [row["tag"] for row in answer.json()["items"]]


def test_every_worker_shows_what_was_pushed_and_deleted(client: httpx.Client) -> None:
    expected: list[str] = []
    for number in range(6):
        put_image(client, APP, f"1.{number}.0", b"%d" % number)
        expected.insert(0, f"1.{number}.0")
        assert [tags(client) for _ in range(4)] == [expected] * 4
    for _ in range(3):
        gone = {"repository": APP, "tag": expected.pop(1)}
        client.delete("/api/v1/tags", params=gone).raise_for_status()
        assert [tags(client) for _ in range(4)] == [expected] * 4
