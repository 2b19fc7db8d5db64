"""`Fleet`: replicas over one PostgreSQL and one bucket, behind nginx, each on links of its own."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.nginx import AROUND
from tests.registry import Registry, free_port, serving
from tests.replicas.link import Link
from tests.seaweed import Bucket
from tests.tools import tool

GUIDE = Path(__file__).parents[2] / "docs" / "scaling.md"


@dataclass(frozen=True)
class Replica:
    """One of them, and the network between it and what it needs."""

    registry: Registry
    database: Link
    store: Link

    def ready(self) -> bool:
        """What it says of itself."""
        try:
            return httpx.get(f"{self.registry.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


@dataclass(frozen=True)
class Fleet:
    replicas: list[Replica]
    address: str
    """Of nginx, which asks them in turn."""

    @property
    def url(self) -> str:
        return f"http://{self.address}"


@contextmanager
def running(
    folder: Path, database_url: str, bucket: Bucket, count: int = 3, **settings: str | int | bool
) -> Iterator[Fleet]:
    """So many replicas and nginx, until the block ends."""
    with ExitStack() as stack:
        replicas = []
        for number in range(count):
            database = stack.enter_context(Link(_port(database_url)))
            store = stack.enter_context(Link(bucket.port))
            where = {
                **bucket.settings,
                "database_url": database_url.replace(
                    f":{_port(database_url)}/", f":{database.port}/"
                ),
                "storage_endpoint": f"http://127.0.0.1:{store.port}",
                "trusted_proxies": "127.0.0.1",
            }
            place = folder / f"replica-{number}"
            registry = stack.enter_context(serving(place, **{**where, **settings}))
            replicas.append(Replica(registry, database, store))
        address = stack.enter_context(nginx(folder / "nginx", [r.registry for r in replicas]))
        yield Fleet(replicas, address)


def _port(url: str) -> int:
    return int(url.rpartition("/")[0].rpartition(":")[2])


@contextmanager
def nginx(folder: Path, registries: list[Registry]) -> Iterator[str]:
    """nginx as docs/scaling.md shows it, without TLS; its address."""
    folder.mkdir()
    address = f"127.0.0.1:{free_port()}"
    shown = GUIDE.read_text().partition("```nginx\n")[2].partition("```")[0]
    for here, there in _changes(registries, address).items():
        assert here in shown
        shown = shown.replace(here, there)
    configuration = folder / "nginx.conf"
    configuration.write_text(AROUND.format(folder=folder, shown=shown))
    process = subprocess.Popen([tool("nginx"), "-c", configuration, "-e", folder / "start.log"])
    try:
        _await(address)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _changes(registries: list[Registry], address: str) -> Mapping[str, str]:
    several = "".join(f"    server {each.address} max_fails=0;\n" for each in registries)
    shown = "".join(f"    server 10.0.0.1{number}:5000;\n" for number in (1, 2, 3))
    return {
        shown: several,
        "listen 443 ssl": f"listen {address}",
        "    ssl_certificate     /etc/nginx/registry.crt;\n": "",
        "    ssl_certificate_key /etc/nginx/registry.key;\n": "",
    }


def _await(address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://{address}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("nginx does not lead to a replica")
