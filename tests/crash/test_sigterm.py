"""SIGTERM: what is under way is finished, nothing new begins, the process ends with 0."""

import os
import signal
import socket
import time

import pytest
from tests.crash.connection import CUT, Connection, await_continue
from tests.crash.content import Content
from tests.crash.ways import forget, post_only, uploads
from tests.registry import Registry, StartRegistry
from tests.waiting import until

from entrepot.settings import Settings

UP = Content(seed=1, size=300_000)
DOWN = Content(seed=2, size=12_000_000)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_slow_upload_and_a_slow_download_are_finished(
    start_registry: StartRegistry, workers: int
) -> None:
    registry = start_registry(afresh=workers > 1, workers=workers)
    with Connection(registry.address) as at:
        post_only(at, "slow/app", DOWN, forget)
    upload, download = _begin_upload(registry), _begin_download(registry)
    with upload, download:
        os.kill(registry.pid, signal.SIGTERM)
        until(lambda: _refused(registry))
        _trickle(upload, UP.data[100_000:])
        assert upload.recv(4096).startswith(b"HTTP/1.1 201 Created\r\n")
        head, _, body = _rest(download).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert body == DOWN.data
    until(lambda: not registry.running)
    registry.stop()
    registry.start()
    assert registry.blob("slow/app", UP.digest) == UP.data


@pytest.mark.parametrize("workers", [1, 2])
def test_it_ends_when_the_grace_period_is_over(start_registry: StartRegistry, workers: int) -> None:
    registry = start_registry(workers=workers, grace=1)
    with Connection(registry.address) as at:
        post_only(at, "slow/app", DOWN, forget)
    started = time.monotonic()
    with _begin_upload(registry), _begin_download(registry):
        registry.stop()
    assert 1 < time.monotonic() - started < Settings().grace


def _begin_upload(registry: Registry) -> socket.socket:
    upload = socket.create_connection(_address(registry), timeout=60)
    head = (
        f"POST {uploads('slow/app')}?digest={UP.digest} HTTP/1.1\r\n"
        f"Host: {registry.address}\r\nContent-Length: {UP.size}\r\n"
    )
    await_continue(upload, head)
    upload.sendall(UP.data[:100_000])
    return upload


def _begin_download(registry: Registry) -> socket.socket:
    """With small buffers, so that most of it waits at the registry."""
    download = socket.socket()
    download.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    download.settimeout(60)
    download.connect(_address(registry))
    target = f"/v2/slow/app/blobs/{DOWN.digest}"
    download.sendall(f"GET {target} HTTP/1.1\r\nHost: {registry.address}\r\n\r\n".encode())
    assert download.recv(4, socket.MSG_PEEK) == b"HTTP"
    return download


def _address(registry: Registry) -> tuple[str, int]:
    host, _, port = registry.address.partition(":")
    return host, int(port)


def _trickle(upload: socket.socket, data: bytes) -> None:
    for start in range(0, len(data), 50_000):
        time.sleep(0.1)
        upload.sendall(data[start : start + 50_000])


def _rest(download: socket.socket) -> bytes:
    """All there is until the registry closes: it does, since it is stopping."""
    found = bytearray()
    while piece := download.recv(65_536):
        found += piece
    return bytes(found)


def _refused(registry: Registry) -> bool:
    try:
        with Connection(registry.address, timeout=1) as at:
            at.ask("GET", "/livez")
    except ConnectionRefusedError:
        return True
    except CUT:
        return False
    return False
