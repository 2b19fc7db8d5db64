"""Upstreams that answer no HEAD: they are asked by GET, and that they are such is remembered."""

import time
from contextlib import closing

import pytest
from tests.content import digest
from tests.upstream.cache.conftest import Caching
from tests.upstream.cache.shop import LAYER, MANIFEST, OTHER, SMALL, opened
from tests.upstream.cache.test_fetching import APP, asked, blob, manifest, pull
from tests.upstream.cache.test_stale import metric
from tests.upstream.scripted import Say

from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository
from entrepot.upstream.http import Http
from entrepot.upstream.place import Blob
from entrepot.upstream.registry import RegistryRepository


@pytest.mark.parametrize("status", [405, 501])
def test_a_tag_is_compared_by_get(status: int, caching: Caching) -> None:
    with opened() as (shop, server):
        shop.no_heads = status
        client = caching(server.address, tag_seconds=0.1).client
        pull(client)
        for count in (1, 2):
            time.sleep(0.2)
            found = manifest(client)
            assert (found.content, "warning" in found.headers) == (MANIFEST, False)
            assert metric(client, "confirmed") == count
        shop.tags["1"] = OTHER
        time.sleep(0.2)
        assert manifest(client).content == OTHER
        looks = [each.method for each in server.asked if each.path.endswith("/manifests/1")]
        assert looks == ["GET", "HEAD", "GET", "GET", "GET"]
        assert asked(server, OTHER) == [], "it was fetched twice"


def test_one_that_is_gone_goes(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.no_heads = 405
        client = caching(server.address, tag_seconds=0.1).client
        pull(client)
        del shop.tags["1"]
        time.sleep(0.2)
        assert manifest(client).status_code == 404


def test_what_would_be_a_pull_waits_for_more_of_them(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.no_heads = 405
        client = caching(server.address, tag_seconds=0.1).client
        shop.headers = {"ratelimit-remaining": "0;w=21600"}
        pull(client)
        time.sleep(0.2)
        found = manifest(client)
        assert found.content == MANIFEST
        assert "allows no more pulls" in found.headers["warning"]
        assert server.paths().count("/v2/team/app/manifests/1") == 1


def test_a_dead_one_is_left_alone_all_the_same(caching: Caching) -> None:
    """What it has not been asked is no answer of it."""
    with opened() as (shop, server):
        shop.no_heads = 405
        shop.tags = {f"{number}": MANIFEST for number in range(12)}
        client = caching(server.address, tag_seconds=0.1).client
        for tag in shop.tags:
            manifest(client, tag)
        time.sleep(0.2)
        manifest(client, "0")  # by now it is known
        shop.says = Say(500)
        time.sleep(0.2)
        before = len(server.asked)
        for tag in shop.tags:
            assert "may be old" in manifest(client, tag).headers["warning"]
        assert len(server.asked) - before < 2 * len(shop.tags), "each is tried twice"


def test_blobs_are_looked_at_by_get(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.no_heads = 405
        client = caching(server.address).client
        manifest(client)
        found = client.head(f"/v2/{APP}/blobs/{digest(LAYER)}")
        assert (found.status_code, found.headers["content-length"]) == (200, str(len(LAYER)))
        pull(client)
        pull(client, name="hub/team/other")
        shop.blobs.remove(SMALL)
        manifest(client, name="hub/team/third")
        assert blob(client, SMALL, "hub/team/third").status_code == 404


def test_whoever_copies_asks_by_get_too() -> None:
    with opened() as (shop, server), closing(Http(f"http://{server.address}")) as http:
        shop.no_heads = 405
        there = RegistryRepository(http, Repository("team/app"))
        known, none = Digest.parse(digest(MANIFEST)), Digest.parse(digest(b"none"))
        for _ in range(2):
            assert there.look("1") == digest(MANIFEST)
            assert there.look("2") is None
            assert [there.has_manifest(each) for each in (known, none)] == [True, False]
            large = Blob(Digest.parse(digest(LAYER)), len(LAYER))
            assert [there.has_blob(each) for each in (large, Blob(none, 1))] == [True, False]
        assert len(server.paths("HEAD")) == 2, "one of each kind"
