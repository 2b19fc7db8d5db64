"""The worst manifests take bounded time, and nobody else waits for them.

Time is the server's own CPU time, and what it may be goes by how fast the machine computes: so one
that is busy with other things, or slow, changes nothing.
"""

import json
import threading
import time
from collections.abc import Iterator
from typing import Self

import httpx
import pytest
from tests.content import EMPTY, OCI_INDEX, OCI_MANIFEST, put_blob, try_manifest
from tests.registry import Registry, serving
from tests.security.worst import WORST

from entrepot.oci.manifest import MAX_BYTES

WITHIN = 3.0
"""CPU-seconds for the manifest itself; it takes up to 0.9."""

OTHERS_WITHIN = 1.2
"""CPU-seconds while anybody else waits; up to 0.5, for as long as a parser has the interpreter."""

PACE = 0.4
"""CPU-seconds for the parser alone, where the others were measured."""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A process of its own: what it does must not be slowed down by what the test does."""
    with serving(tmp_path_factory.mktemp("worst")) as registry:
        with httpx.Client(base_url=registry.url) as client:
            put_blob(client, "a", EMPTY)
        yield registry


class Bystander(threading.Thread):
    """Asks for something else all the time."""

    def __init__(self, registry: Registry) -> None:
        super().__init__()
        self._registry = registry
        self._done = False
        self.longest = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done = True
        self.join()

    def run(self) -> None:
        with httpx.Client(base_url=self._registry.url, timeout=60) as client:
            while not self._done:
                started = cpu(self._registry)
                client.get("/v2/")
                self.longest = max(self.longest, cpu(self._registry) - started)
                time.sleep(0.005)


def cpu(registry: Registry) -> float:
    """Seconds that its process has computed; see clock_getcpuclockid(3) for the clock's number."""
    return time.clock_gettime(~registry.pid << 3 | 2)


def slowness() -> float:
    """How many times as long as there the parser takes here and now; 1 at least."""
    content = WORST["keys"]()
    started = time.thread_time()
    json.loads(content)
    return max(1.0, (time.thread_time() - started) / PACE)


def push(registry: Registry, name: str, content: bytes) -> tuple[float, float]:
    """CPU-seconds for the push, and the most while a bystander waited."""
    kind = OCI_INDEX if name == "manifests" else OCI_MANIFEST
    with (
        Bystander(registry) as bystander,
        httpx.Client(base_url=registry.url, timeout=60) as client,
    ):
        started = cpu(registry)
        answer = try_manifest(client, "a", "t", content, kind)
        took = cpu(registry) - started
    assert answer.status_code in {201, 400}, answer.text[:300]
    assert len(answer.content) < 200_000
    return took, bystander.longest


@pytest.mark.parametrize("name", WORST)
def test_worst(alone: Registry, name: str) -> None:
    content = WORST[name]()
    assert MAX_BYTES * 0.8 < len(content) <= MAX_BYTES
    before = slowness()
    took, waited = push(alone, name, content)
    slow = max(before, slowness())
    assert took < WITHIN * slow
    assert waited < OTHERS_WITHIN * slow
