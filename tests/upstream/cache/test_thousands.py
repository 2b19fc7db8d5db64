"""A thousand nodes pull a cold image by its tag: that costs its registry one GET of each digest.

Each has a connection of its own, and asks for all of the image: manifest, configuration, layers.
"""

import asyncio
import threading
from collections import Counter
from pathlib import Path

from tests.content import EMPTY, OCI_MANIFEST, digest
from tests.registry import StartRegistry
from tests.served import Served
from tests.upstream.cache.conftest import Caching, stand_for
from tests.upstream.cache.shop import LAYER, MANIFEST, SMALL, Shop, opened
from tests.upstream.cache.test_processes import ALLOW
from tests.upstream.scripted import Scripted

NODES = 1000
SOME = 10_000
"""Bytes that a node asks for of each part."""
BASE = "/v2/hub/team/app"


Node = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def asked(node: Node, path: str, expected: bytes) -> None:
    """A request and its answer."""
    reader, writer = node
    head = f"GET {BASE}/{path} HTTP/1.1\r\nhost: t\r\naccept: {OCI_MANIFEST}\r\n"
    if path.startswith("blobs/"):
        head += f"range: bytes=0-{SOME - 1}\r\n"
    writer.write(f"{head}\r\n".encode())
    status = await reader.readuntil(b"\r\n\r\n")
    assert status[9:12] in {b"200", b"206"}, status
    assert await reader.readexactly(len(expected)) == expected


async def pulled(address: tuple[str, int]) -> None:
    node = await asyncio.open_connection(*address)
    try:
        await asked(node, "manifests/1", MANIFEST)
        for part in (EMPTY, LAYER, SMALL):
            await asked(node, f"blobs/{digest(part)}", part[:SOME])
    finally:
        node[1].close()


async def crowd(address: tuple[str, int], shop: Shop, nodes: int) -> None:
    """All of them, while the layer does not come yet."""
    shop.gate = threading.Event()
    tasks = [asyncio.create_task(pulled(address)) for _ in range(nodes)]
    await asyncio.sleep(1)
    shop.gate.set()
    await asyncio.gather(*tasks)


def each_once(server: Scripted) -> None:
    assert Counter(server.paths()) == {
        "/v2/team/app/manifests/1": 1,
        **{f"/v2/team/app/blobs/{digest(part)}": 1 for part in (EMPTY, LAYER, SMALL)},
    }


def test_of_one_process(caching: Caching) -> None:
    with opened() as (shop, server):
        asyncio.run(crowd(caching(server.address).address, shop, NODES))
        each_once(server)


def test_of_several_workers(start_registry: StartRegistry, tmp_path: Path) -> None:
    with opened() as (shop, server):
        stand_for(tmp_path / "registry-1" / "data", server.address)
        host, _, port = start_registry(workers=2, **ALLOW).address.partition(":")
        asyncio.run(crowd((host, int(port)), shop, NODES))
        each_once(server)


async def looked_for(cache: Served, shop: Shop) -> None:
    """Many look for a layer, of which its registry says nothing before all of them wait."""
    shop.hangs, shop.ends = threading.Event(), (digest(LAYER),)
    nodes = [await asyncio.open_connection(*cache.address) for _ in range(30)]
    for _, writer in nodes:
        writer.write(f"HEAD {BASE}/blobs/{digest(LAYER)} HTTP/1.1\r\nhost: t\r\n\r\n".encode())
        await writer.drain()
    for _ in range(30):  # the loop has come round to them by then
        assert cache.ask(b"/v2/").status == 200
    shop.hangs.set()
    for reader, writer in nodes:
        assert (await reader.readuntil(b"\r\n\r\n"))[9:12] == b"200"
        writer.close()


def test_a_layer_that_many_look_for_is_looked_for_once(caching: Caching) -> None:
    with opened() as (shop, server):
        cache = caching(server.address)
        assert cache.client.get(f"{BASE}/manifests/1").status_code == 200
        asyncio.run(looked_for(cache, shop))
        assert len(server.paths("HEAD")) <= 10, "not by each of them"
