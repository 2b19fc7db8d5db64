"""What peers that stall cost: descriptors, not memory and not threads."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

MIB = 1 << 20
PEERS = 64


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    blob = tmp_path / "blob"
    blob.write_bytes(bytes(16 * MIB))
    program = Path(__file__).with_name("stalled.py")
    command = [sys.executable, str(program), str(blob), "uvloop"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.terminate()
        server.stdout.read()
        server.wait(60)


def rss(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        client.sendall(b"GET /rss HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = b""
        while data := client.recv(4096):
            answer += data
    return int(answer.rpartition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    ("head", "sent", "bound"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, 10 * MIB),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 3 * MIB, 30 * MIB),
        (
            b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n",
            3 * MIB,
            30 * MIB,
        ),
    ],
    ids=["downloads", "uploads", "chunked uploads"],
)
def test_64_stalled(port: int, head: bytes, sent: int, bound: int) -> None:
    before = rss(port)
    with contextlib.ExitStack() as stack:
        for _ in range(PEERS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            client.sendall(head + bytes(sent))
        time.sleep(0.5)
        assert rss(port) - before < bound
