"""Who asks for what is kept alone is told so: a drill proves nothing by what it has fetched."""

import json
from typing import Any

import httpx
import pytest
from tests.content import EMPTY, OCI_INDEX, OCI_MANIFEST, digest, dump
from tests.registry import MANIFESTS
from tests.upstream.cache.conftest import HOST, Caching
from tests.upstream.cache.shop import INDEX, LAYER, MANIFEST, SMALL, opened
from tests.upstream.cache.test_fetching import APP, is_kept, manifest, pull
from tests.waiting import until
from tests.warm import entrepot

ONLY = {"cache-control": "only-if-cached", "accept": MANIFESTS}
NAME = f"{HOST}/team/app:1"


def statuses(client: httpx.Client) -> list[int]:
    parts = [f"blobs/{digest(part)}" for part in (EMPTY, LAYER, SMALL)]
    paths = [
        f"/v2/{APP}/{each}" for each in ("manifests/1", f"manifests/{digest(MANIFEST)}", *parts)
    ]
    return [client.head(path, headers=ONLY).status_code for path in paths]


def test_nothing_is_fetched_and_no_answer_lasts(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address, tag_seconds=0).client
        assert statuses(client) == [404] * 5
        assert server.paths() == []
        pull(client)
        asked = len(server.paths())
        assert statuses(client) == [200] * 5
        assert len(server.paths()) == asked
        shop.tags.clear()
        gone = client.get(f"/v2/{APP}/manifests/1", headers={"accept": MANIFESTS})
        assert gone.status_code == 404, "the tag was looked for once more"


def test_neither_lists_nor_platforms_are_fetched(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.tags["2"] = dump(INDEX)
        client = caching(server.address, tag_seconds=3600).client
        assert client.get(f"/v2/{APP}/tags/list", headers=ONLY).status_code == 404
        manifest(client, "2")
        asked = len(server.asked)
        image = client.get(f"/v2/{APP}/manifests/2", headers={**ONLY, "accept": OCI_MANIFEST})
        assert image.headers["content-type"] == OCI_INDEX, "the image is not kept"
        assert client.get(f"/v2/{APP}/tags/list", headers=ONLY).json()["tags"] == ["2"]
        found = client.get(f"/v2/{APP}/referrers/{digest(MANIFEST)}", headers=ONLY)
        assert found.json()["manifests"] == []
        assert len(server.asked) == asked


@pytest.mark.parametrize(
    ("words", "state", "then"),
    [((), "not kept", False), (("--now",), "not kept", True), (("--read-layers",), "ok", True)],
    ids=str,
)
def test_a_drill(caching: Caching, words: tuple[str, ...], state: str, then: bool) -> None:
    with opened() as (_, server):
        cache = caching(server.address)
        address = cache.url.removeprefix("http://")

        def drill(*words: str) -> tuple[int, dict[str, Any]]:
            done = entrepot("drill", NAME, "--cache", address, *words, "--json")
            assert done.error == ""
            return done.status, json.loads(done.output)[0]

        if "--read-layers" in words:  # what it reads is kept from then on
            status, found = drill(*words)
            assert (status, found["copies"][0]["state"]) == (1, "not kept")
            until(lambda: is_kept(cache.client, LAYER))
        status, found = drill(*words)
        assert (found["copies"][0]["state"], found["served_by"]) == (state, address)
        assert found["then_served_by"] == (address if then else None)
        assert status == int(not then)
