"""What the cache costs: `python -m benchmarks.cache [ROUNDS]`.

A blob from docker-registry over a link of a gigabit: directly, through a cold cache, and from a
warm one, beside the same blob that was pushed here. The link is a relay in this process that lets
so many bytes a second through, as a network does; what is warm goes by no link.
"""

import json
import os
import select
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
from rich.console import Console
from rich.table import Table
from tests.content import EMPTY, OCI_MANIFEST, digest, dump, image, put_image
from tests.registry import serving
from tests.upstream.cache.conftest import stand_for
from tests.upstream.peer import docker_registry

SIZE = 128 << 20
RATE = 125_000_000
"""Bytes a second of the link."""
ROUNDS = 5
WARM = 7
"""Downloads of what is cached, and of what was pushed, by turns: each takes milliseconds."""

FIRST_MS = 20.0
"""By which the first byte through a cold cache may come later."""
COLD_SHARE = 0.9
"""Of the direct throughput that a cold cache must reach."""
WARM_TIMES = 1.15
"""How much longer what is cached may take than what was pushed."""


@dataclass(frozen=True)
class Got:
    """One download."""

    first: float
    """Milliseconds to the first byte of the answer."""
    seconds: float


def get(address: str, path: str) -> Got:
    host, _, port = address.partition(":")
    buffer, begin, first, size = bytearray(1 << 20), time.perf_counter(), 0.0, 0
    with socket.create_connection((host, int(port))) as sock:
        head = f"GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        sock.sendall(head.encode())
        while count := sock.recv_into(buffer):
            first = first or time.perf_counter() - begin
            size += count
    if size < SIZE:
        raise RuntimeError(f"{address}{path}: {bytes(buffer[:200])!r}")
    return Got(first * 1000, time.perf_counter() - begin)


@contextmanager
def link(target: str) -> Iterator[str]:
    """A relay to the target that lets RATE bytes a second through."""
    host, _, port = target.partition(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        name = f"127.0.0.1:{listener.getsockname()[1]}"

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection((host, int(port)))
                    threading.Thread(target=_relay, args=(client, server), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield name
        listener.shutdown(socket.SHUT_RDWR)


def _relay(client: socket.socket, server: socket.socket) -> None:
    buffer, other = bytearray(256 * 1024), {client: server, server: client}
    began, passed = time.perf_counter(), 0
    with client, server, suppress(OSError):
        while True:
            for ready in select.select([client, server], [], [])[0]:
                count = ready.recv_into(buffer)
                if not count:
                    return
                if passed / RATE < time.perf_counter() - began - 0.05:  # it was idle
                    began = time.perf_counter() - passed / RATE
                passed += count
                time.sleep(max(0.0, began + passed / RATE - time.perf_counter()))
                other[ready].sendall(memoryview(buffer)[:count])


def push(address: str, layer: bytes) -> None:
    """To any registry."""
    with httpx.Client(base_url=f"http://{address}", timeout=120) as client:
        for part in (EMPTY, layer):
            where = client.post("/v2/bench/app/blobs/uploads/").headers["location"]
            given = {**dict(httpx.URL(where).params), "digest": digest(part)}
            client.put(where, params=given, content=part).raise_for_status()
        path, kind = "/v2/bench/app/manifests/1", {"content-type": OCI_MANIFEST}
        client.put(path, content=dump(image(layer)), headers=kind).raise_for_status()


def measure(folder: Path) -> dict[str, Got]:
    """One round, with registries of its own."""
    layer = os.urandom(SIZE)
    blob = f"blobs/{digest(layer)}"
    with docker_registry(folder / "peer") as peer, link(peer) as upstream:
        push(peer, layer)
        stand_for(folder / "cache" / "data", upstream)
        with serving(folder / "cache", outbound_allow="127.0.0.0/8") as cache:
            httpx.get(f"{cache.url}/v2/hub/bench/app/manifests/1").raise_for_status()
            with httpx.Client(base_url=cache.url, timeout=120) as client:
                put_image(client, "own/app", "1", layer)
            found = {"direct": get(upstream, f"/v2/bench/app/{blob}")}
            found["cold"] = get(cache.address, f"/v2/hub/bench/app/{blob}")
            places = {"warm": f"/v2/hub/bench/app/{blob}", "pushed here": f"/v2/own/app/{blob}"}
            for path in places.values():  # from the disk, or from memory: for both alike
                get(cache.address, path)
            turns = [
                {name: get(cache.address, path) for name, path in places.items()}
                for _ in range(WARM)
            ]
            return found | {name: _middle([turn[name] for turn in turns]) for name in places}


def _middle(found: list[Got]) -> Got:
    return Got(median(each.first for each in found), median(each.seconds for each in found))


def main() -> int:
    """Measure, print, and say by the status whether the bars are met."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    every = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bench-cache-") as folder:
            every.append(measure(Path(folder)))
    table = Table("", "first byte", "MB/s")
    for name in every[0]:
        first = median(each[name].first for each in every)
        rate = SIZE / median(each[name].seconds for each in every) / 1e6
        table.add_row(name, f"{first:.1f} ms", f"{rate:.0f}")
    Console().print(table)
    bars = {
        "first byte later, ms": (_later(every), FIRST_MS),
        "direct / cold throughput": (_ratio(every, "cold", "direct"), 1 / COLD_SHARE),
        "warm / pushed here": (_ratio(every, "warm", "pushed here"), WARM_TIMES),
    }
    print(
        json.dumps(
            {name: {"is": round(is_, 3), "most": most} for name, (is_, most) in bars.items()}
        )
    )
    return 0 if all(is_ <= most for is_, most in bars.values()) else 1


def _later(every: list[dict[str, Got]]) -> float:
    return median(each["cold"].first - each["direct"].first for each in every)


def _ratio(every: list[dict[str, Got]], one: str, other: str) -> float:
    return median(each[one].seconds / each[other].seconds for each in every)


if __name__ == "__main__":
    sys.exit(main())
