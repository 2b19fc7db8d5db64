"""The table of versions of a repository with 10,000 tags: its pages in turn, and the first one
after a push, which makes the whole order new.

A thousand images have ten tags each, such that the images of a page differ.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from .meter import percentiles
from .pushes import CONFIG
from .server import Server
from .stock import MANIFEST_TYPE, descriptor, digest, manifest, put_blob
from .wire import Connection

REPOSITORY = "bench/versions"
TAGS, IMAGES = 10_000, 1_000
PAGE = 100
PUSHES = 30
CLIENTS = 8
KIND = f"content-type: {MANIFEST_TYPE}\r\n"
PATH = f"/api/v1/versions?repository={REPOSITORY}&limit={PAGE}"


def pages(server: Server) -> dict[str, float]:
    """Measure the pages of the table, one behind the other, each for the first time."""
    _fill(server)
    seconds, after = list[float](), ""
    with server.connect() as connection:
        _ask(connection, PATH)  # the API itself comes with its first request
        while len(seconds) < TAGS // PAGE:
            begin = time.perf_counter()
            page = _ask(connection, f"{PATH}&after={after}")
            seconds.append(time.perf_counter() - begin)
            after = page["next"] or ""
    return percentiles(seconds)


def after_push(server: Server) -> dict[str, float]:
    """Measure the first page behind the push of one more version."""
    _fill(server)
    seconds = []
    with server.connect() as connection:
        _ask(connection, PATH)
        for number in range(PUSHES):
            _push(connection, IMAGES + number, [f"20.{time.time_ns()}.{number}"])
            begin = time.perf_counter()
            _ask(connection, PATH)
            seconds.append(time.perf_counter() - begin)
    return percentiles(seconds)


def _ask(connection: Connection, path: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(connection.request("GET", path).require(200).body)
    return found


def _fill(server: Server) -> None:
    """Push it all, once for a server."""
    with server.connect() as connection:
        if connection.request("HEAD", f"/v2/{REPOSITORY}/manifests/{_tag(0)}").status == 200:
            return
        put_blob(connection, REPOSITORY, b"layer")

    def client(first: int) -> None:
        with server.connect() as connection:
            for number in range(first, IMAGES, CLIENTS):
                tags = [_tag(each) for each in range(number, TAGS, IMAGES)]
                _push(connection, number, tags)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))


def _tag(number: int) -> str:
    return f"{number // 1000}.{number // 10 % 100}.{number % 10}"


def _push(connection: Connection, number: int, tags: list[str]) -> None:
    """Push an image, told apart by its number, under several tags at once."""
    labels = {"org.opencontainers.image.description": f"image {number}", "more": "x" * CONFIG}
    config = json.dumps({"os": "linux", "architecture": "amd64", "config": {"Labels": labels}})
    put_blob(connection, REPOSITORY, config.encode())
    image = manifest([descriptor(digest(b"layer"), len(b"layer"))], config.encode())
    query = "&".join(f"tag={tag}" for tag in tags)
    path = f"/v2/{REPOSITORY}/manifests/{digest(image)}?{query}"
    connection.request("PUT", path, headers=KIND, body=image).require(201)
