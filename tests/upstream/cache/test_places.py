"""What is large, or slow, holds up nothing else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from tests.content import dump, image
from tests.upstream.cache.conftest import Caching, stand_for
from tests.upstream.cache.shop import LAYER, MANIFEST, Shop, opened
from tests.upstream.cache.test_fetching import asked, blob, manifest
from tests.waiting import until

HUGE = [b"%d" % number for number in range(9)]
"""Layers of which manifests say that they are large."""
PLACES = 8


def hang(shop: Shop) -> threading.Event:
    """Have it list huge layers, which do not come before the event."""
    document = image(*HUGE, LAYER)
    for layer in document["layers"][:-1]:
        layer["size"] = 10**9
    shop.tags["1"] = dump(document)
    shop.hangs = threading.Event()
    shop.ends = tuple(layer["digest"] for layer in document["layers"][:-1])
    return shop.hangs


def got(client: httpx.Client, content: bytes) -> bool:
    try:
        return blob(client, content).content == content
    except httpx.TransportError:
        return False


def test_small_blobs_do_not_wait_for_large_ones(caching: Caching) -> None:
    with opened() as (shop, server), ThreadPoolExecutor(len(HUGE)) as threads:
        client, ended = caching(server.address).client, hang(shop)
        manifest(client)
        for each in HUGE:
            threads.submit(got, client, each)
        until(lambda: sum(len(asked(server, each)) for each in HUGE) >= PLACES)
        until(lambda: got(client, LAYER))
        ended.set()


def test_an_upstream_that_is_slow_holds_up_no_other_that_is_fetched_whole(
    caching: Caching,
) -> None:
    with opened() as (slow, first), opened() as (_, second):
        served, ended = caching(first.address, everything=True), hang(slow)
        more: dict[str, Any] = {"hosts": ("other.test",), "everything": True}
        stand_for(served.folder, second.address, project="other", **more)
        manifest(served.client)
        until(lambda: any(asked(first, each) for each in HUGE))
        until(lambda: manifest(served.client, name="other/team/app").content == MANIFEST)
        until(lambda: asked(second, LAYER))
        ended.set()
