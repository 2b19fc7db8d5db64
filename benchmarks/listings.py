"""A page of the catalog and of a repository's tags, in a short list and in a long one.

The pages are alike (100 entries from the middle), so only the length of the list differs.
Everything is pushed through HTTP: an empty index needs no blobs, so it is one request each.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from .cases import Sample, Say
from .meter import percentiles
from .peers import SUBJECT, Peer
from .server import Server
from .stock import digest, furnish
from .wire import Connection

SHORT, LONG = 200, 100_000
"""Entries; the short list is the shortest with a whole page after its middle."""
PAGE = 100
ASKED = 300
"""Pages asked for in a round, one after another."""
TURNS = 4
"""Turns in a round: each takes a moment only, and the machine has its moods."""
CLIENTS = 8
TAGS_AT_ONCE = 10
"""Tags of one manifest PUT, where a server takes the query parameter."""
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
KIND = f"content-type: {INDEX_TYPE}\r\n"
INDEX = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}).encode()
TAGGED = "bench/tagged"


def measure(peers: Iterable[Peer], folder: Path, rounds: int, long: int, say: Say) -> list[Sample]:
    """Fill the servers, then ask them for the same pages in turn."""
    plan = [(peer, SHORT) for peer in peers if peer.name in {SUBJECT, "docker-registry"}]
    plan += [(peer, long) for peer, _ in plan if peer.name == SUBJECT]
    servers: list[tuple[Server, int]] = []
    samples = []
    try:
        for peer, count in plan:
            server = Server(peer, folder / f"listings-{peer.name}-{count}")
            servers.append((server, count))
            server.start()
            furnish(server)
            seconds = _fill(server, count)
            say(f"[dim]{peer.name}: {count:,} repositories and tags pushed in {seconds:.0f} s")
        for turn in range(rounds * TURNS):
            for server, count in servers[:: 1 if turn % 2 else -1]:
                for kind, values in _ask(server, count).items():
                    size = "long" if count == long else "short"
                    samples.append(Sample(f"{kind}-{size}", server.peer.name, turn, values))
    finally:
        for server, _ in servers:
            server.remove()
    return samples


def _ask(server: Server, count: int) -> dict[str, dict[str, float]]:
    middle = count // 2 - 1
    pages = {
        "catalog": ("/v2/_catalog", f"bench/r{middle:06}"),
        "tags": (f"/v2/{TAGGED}/tags/list", f"t{middle:06}"),
    }
    figures = {}
    with server.connect() as connection:
        for kind, (path, last) in pages.items():
            seconds = []
            for _ in range(ASKED):
                begin = time.perf_counter()
                connection.request("GET", f"{path}?n={PAGE}&last={last}").require(200)
                seconds.append(time.perf_counter() - begin)
            figures[kind] = percentiles(seconds)
    return figures


def _fill(server: Server, count: int) -> float:
    begin = time.perf_counter()
    with server.connect() as connection:
        step = TAGS_AT_ONCE if _put(connection, TAGGED, ["t000000", "t000001"]) else 1
    repositories = [partial(_repository, number) for number in range(count)]
    tags = [partial(_tags, number, step) for number in range(0, count, step)]
    _spread(server, repositories)
    _spread(server, tags)
    return time.perf_counter() - begin


def _repository(number: int, connection: Connection) -> None:
    path = f"/v2/bench/r{number:06}/manifests/latest"
    connection.request("PUT", path, headers=KIND, body=INDEX).require(201)


def _tags(first: int, count: int, connection: Connection) -> None:
    names = [f"t{number:06}" for number in range(first, first + count)]
    if count > 1:
        _put(connection, TAGGED, names)
    else:
        path = f"/v2/{TAGGED}/manifests/{names[0]}"
        connection.request("PUT", path, headers=KIND, body=INDEX).require(201)


def _put(connection: Connection, repository: str, tags: list[str]) -> bool:
    """Push the index under several tags at once; say whether the server did tag it."""
    query = "&".join(f"tag={tag}" for tag in tags)
    path = f"/v2/{repository}/manifests/{digest(INDEX)}?{query}"
    answer = connection.request("PUT", path, headers=KIND, body=INDEX).require(201)
    return "oci-tag" in answer.headers


def _spread(server: Server, works: Sequence[Callable[[Connection], None]]) -> None:
    """Do the works over a few connections."""

    def client(number: int) -> None:
        with server.connect() as connection:
            for work in works[number::CLIENTS]:
                work(connection)

    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(client, range(CLIENTS)):
            pass
