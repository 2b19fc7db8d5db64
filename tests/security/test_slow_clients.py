"""A client that stands still is cut off, and nobody waits for it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.content import begin
from tests.served import Served, serving

from entrepot.server.limits import Limits


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Served]:
    limits = Limits(
        header_timeout=1, body_timeout=1, keep_alive=1, send_timeout=1, sweep_interval=0.1
    )  # by a sweep each half second, whoever has just come might have no time at all
    with serving(tmp_path / "data", "own", limits) as served:
        served.client.headers["connection"] = "close"  # one that waits may be closed just then
        yield served


STANDSTILLS = {
    "nothing": b"",
    "half a head": b"GET /v2/ HTTP/1.1\r\nhost: t\r\n",
    "half a manifest": b"PUT /v2/a/manifests/t HTTP/1.1\r\nhost: t\r\ncontent-length: 9\r\n\r\n{",
    "half a chunk": b"PUT /v2/a/manifests/t HTTP/1.1\r\nhost: t\r\n"
    b"transfer-encoding: chunked\r\n\r\n9\r\n{",
    "half a blob": b"PATCH @ HTTP/1.1\r\nhost: t\r\ncontent-length: 90000\r\n\r\n" + b"x" * 80_000,
    "between two requests": b"GET /v2/ HTTP/1.1\r\nhost: t\r\n\r\n",
}


@pytest.mark.parametrize("sent", STANDSTILLS)
def test_slowloris(strict: Served, sent: str) -> None:
    location = begin(strict.client, "a").encode()
    with strict.connect() as sock:
        sock.sendall(STANDSTILLS[sent].replace(b"@", location))
        started = time.monotonic()
        strict.client.get("/v2/").raise_for_status()
        try:
            while sock.recv(65536):
                pass
        except ConnectionResetError:
            pass
        assert time.monotonic() - started < 30  # by itself it would be a minute
    assert strict.client.get("/readyz").status_code == 200
