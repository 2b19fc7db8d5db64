"""Small images pushed by several clients at once, each on its connection, no two images alike."""

import os
import time
from functools import partial

from .meter import together
from .server import Server
from .stock import descriptor, digest, manifest, put_blob, put_manifest
from .wire import Connection

CLIENTS = 8
LAYER = 10 * 1024
"""Bytes of the one layer."""
CONFIG = 512
"""Bytes of the config."""


def small_images(server: Server, seconds: float) -> dict[str, float]:
    """Measure whole pushes: config, layer (POST and PUT each) and manifest under a new tag."""
    with server.connect() as connection:
        put_image(connection, "bench/small", "warm")
    counts = [0] * CLIENTS
    end = time.perf_counter() + seconds
    works = [partial(_client, server, number, end, counts) for number in range(CLIENTS)]
    return together(server, works).requests(sum(counts))


def put_image(connection: Connection, repository: str, tag: str) -> None:
    """Push one small image of random content."""
    config, layer = os.urandom(CONFIG), os.urandom(LAYER)
    put_blob(connection, repository, config)
    put_blob(connection, repository, layer)
    image = manifest([descriptor(digest(layer), LAYER)], config)
    put_manifest(connection, repository, tag, image)


def _client(server: Server, number: int, end: float, counts: list[int]) -> None:
    with server.connect() as connection:
        while time.perf_counter() < end:
            put_image(connection, f"bench/small-{number}", f"{end:.0f}-{counts[number]}")
            counts[number] += 1
