"""What several replicas cost: `python -m benchmarks.replicas [ROUNDS]`.

One process over a folder, and three replicas over PostgreSQL and SeaweedFS, in turn: each asked by
as many connections, and both behind nginx; and a redirect to the store beside a manifest, in one
process. CPU is the registry's own: what nginx, PostgreSQL and the load take is not in it.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import httpx
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests import postgres, seaweed
from tests.content import digest, dump, image
from tests.registry import Registry, serving
from tests.replicas import fleet

from . import process, wrk
from .stock import ACCEPT

SECONDS = 3
ROUNDS = 5
NAME = "bench/app"
LAYER = bytes(range(256)) * 4096
"""1 MiB: large enough to lie in the store."""

KEPT_SHARE = 0.7
"""Of the single process's manifests per CPU second that three replicas must keep."""
REDIRECT_TIMES = 1.5
"""A manifest's CPU that a redirect may cost at most."""


@dataclass(frozen=True)
class Watched:
    """Servers that wrk reaches at one port."""

    port: int
    pids: list[int]

    @property
    def peer(self) -> "Watched":
        return self

    @property
    def name(self) -> str:
        return "entrepot"

    def cpu(self) -> float:
        """CPU seconds so far."""
        return sum(process.cpu_seconds(pid) for pid in self.pids)


def fill(url: str) -> None:
    """One image, tagged 1, with a large layer."""
    for content in (b"{}", LAYER):
        answer = httpx.post(
            f"{url}/v2/{NAME}/blobs/uploads/?digest={digest(content)}", content=content, timeout=60
        )
        answer.raise_for_status()
    document = image(LAYER)
    httpx.put(
        f"{url}/v2/{NAME}/manifests/1",
        content=dump(document),
        headers={"content-type": document["mediaType"]},
    ).raise_for_status()


def at(address: str, pids: list[int]) -> Watched:
    """What answers at an address."""
    return Watched(int(address.rpartition(":")[2]), pids)


def watched(registry: Registry) -> Watched:
    """One process."""
    return at(registry.address, [registry.pid])


MANIFEST = f"/v2/{NAME}/manifests/1"
BLOB = f"/v2/{NAME}/blobs/{digest(LAYER)}"


def main(rounds: int) -> None:
    """Measure in turn, print the medians, say whether the bars hold."""
    found: dict[str, list[float]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cases = _cases(stack, folder)
        for _ in track(range(rounds), description="measuring"):
            for name, measure in cases.items():
                found.setdefault(name, []).append(measure())
    cpu = {name: median(values) for name, values in found.items()}
    share = cpu["manifest, one process"] / cpu["manifest, three replicas at once"]
    times = cpu["redirect to the store"] / cpu["manifest beside it"]
    _show(cpu, share, times)
    print(json.dumps({"cpu_us": cpu, "share": share, "redirect": times}))


def _cases(stack: ExitStack, folder: Path) -> dict[str, Callable[[], float]]:

    os.environ.update(seaweed.CREDENTIALS)
    server = stack.enter_context(postgres.running())
    weed = stack.enter_context(seaweed.serving(folder / "weed"))
    bucket, other = (stack.enter_context(weed.bucket()) for _ in range(2))
    quiet: dict[str, bool] = {"access_log": False}
    proxied: dict[str, str | bool] = {**quiet, "trusted_proxies": "127.0.0.1"}
    single = stack.enter_context(serving(folder / "single", **proxied))
    front = stack.enter_context(fleet.nginx(folder / "front", [single]))
    store = stack.enter_context(
        serving(folder / "store", **quiet, **other.settings, storage_redirect="all")
    )
    url = server.new()
    several = stack.enter_context(fleet.running(folder / "fleet", url, bucket, **quiet))
    for each in (single.url, store.url, several.url):
        fill(each)
    replicas = [each.registry.pid for each in several.replicas]
    return {
        "manifest, one process": lambda: cpu(watched(single), MANIFEST),
        "manifest, three replicas at once": lambda: at_once(several),
        "manifest, one process behind nginx": lambda: cpu(at(front, [single.pid]), MANIFEST),
        "manifest, three replicas behind nginx": lambda: cpu(
            at(several.address, replicas), MANIFEST
        ),
        "manifest beside it": lambda: cpu(watched(store), MANIFEST),
        "redirect to the store": lambda: cpu(watched(store), BLOB),
    }


def cpu(server: Watched, path: str) -> float:
    """µs of CPU for each request."""
    return wrk.get(server, path, SECONDS, ACCEPT)["cpu_us"]  # type: ignore[arg-type]


def at_once(several: fleet.Fleet) -> float:
    """The same of all replicas, each with its own load at the same time."""
    with ThreadPoolExecutor() as threads:
        each = [watched(replica.registry) for replica in several.replicas]
        return mean(threads.map(lambda server: cpu(server, MANIFEST), each))


def _show(cpu: dict[str, float], share: float, times: float) -> None:
    table = Table("", "µs CPU each", "bar")
    for name, value in cpu.items():
        table.add_row(name, f"{value:.1f}", "")
    kept = "holds" if share >= KEPT_SHARE else "MISSED"
    table.add_row(
        "rate per CPU second that replicas keep", f"{share:.2f}", f"≥ {KEPT_SHARE}: {kept}"
    )
    held = "holds" if times <= REDIRECT_TIMES else "MISSED"
    table.add_row("a redirect, in manifests", f"{times:.2f}", f"≤ {REDIRECT_TIMES}: {held}")
    Console().print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
