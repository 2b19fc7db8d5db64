"""Peers that ask and do not read: what waits for them is bounded, in order, and not for ever."""

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.waiting import until

from entrepot.server.limits import Limits

if TYPE_CHECKING:
    from tests.server.conftest import Client, Serve, Served

PIPELINED = 600
SIZE = 50_000
LARGE = 2 << 20
HUGE = 16 << 20
"""More than the kernel takes for a peer."""
BOUND = 1 << 20
"""More than the transport's own mark and an answer, far less than all the answers."""


def held(served: "Served") -> int:
    """How much the transports hold; it only grows as long as nobody reads."""
    connections: Any = list(served.server.server_state.connections)
    sizes = (int(one.wire.transport.get_write_buffer_size()) for one in connections)
    return max(sizes, default=0)


def content(target: bytes, size: int) -> bytes:
    return (target + b" ").ljust(size, b".")


def fast(
    method: str, target: bytes, _headers: Any, _client: Any, _certificate: str
) -> tuple[bytes, bytes] | None:
    if not target.startswith(b"/fast"):
        return None
    body = content(target, SIZE) if method == "GET" else b""
    return b"HTTP/1.1 200 OK\r\n", b"content-length: %d\r\n\r\n%b" % (SIZE, body)


async def app(scope: Any, _receive: Any, send: Any) -> None:
    size = {"/large": LARGE, "/huge": HUGE}.get(scope["path"][:6].rstrip("/"), SIZE)
    headers = [] if scope["path"].endswith("chunked") else [(b"content-length", b"%d" % size)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content(scope["raw_path"], size)})


def ask(client: "Client", paths: list[str]) -> None:
    """Send what the server takes; the rest would block, as it should."""
    heads = "".join(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n" for path in paths)
    client.send(heads.encode())


def read_fast(client: "Client") -> None:
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)


def paths(kind: str) -> list[str]:
    if kind == "fast":
        return [f"/fast/{number}" for number in range(PIPELINED)]
    if kind == "app":
        return [f"/app/{number}" for number in range(PIPELINED)]
    if kind == "mixed":
        return [f"/{'app' if number % 3 else 'fast'}/{number}" for number in range(PIPELINED)]
    return [f"/large/{number}{kind.removeprefix('large')}" for number in range(10)]


@pytest.mark.parametrize("kind", ["fast", "app", "mixed", "large", "large chunked"])
def test_pipelined_and_not_read(serve_both: "Serve", kind: str) -> None:
    served = serve_both(app, state={"entrepot.fast": fast})
    client = served.connect(small_buffer=True)
    asked = [path.replace(" ", "/") for path in paths(kind)]
    ask(client, asked)
    until(lambda: held(served))
    time.sleep(0.5)  # for more than it may hold
    assert held(served) < BOUND
    read_fast(client)
    for path in asked:
        answer = client.answer()
        size = LARGE if path.startswith("/large") else SIZE
        assert answer.body == content(path.encode(), size)
    assert client.get("/fast/again").answer().status == 200


@pytest.mark.parametrize("kind", ["fast", "app", "large"])
def test_peer_that_never_reads_is_cut(serve_both: "Serve", kind: str) -> None:
    limits = Limits(send_timeout=2, sweep_interval=0.05)
    served = serve_both(app, state={"entrepot.fast": fast}, limits=limits)
    client = served.connect(small_buffer=True)
    ask(client, paths(kind))
    assert client.exactly(9) == b"HTTP/1.1 "
    until(lambda: not served.server.server_state.connections)
    assert client.is_reset()


@pytest.mark.parametrize("kind", ["fast", "large"])
def test_slow_reader_outlives_the_other_limits(serve_both: "Serve", kind: str) -> None:
    """A full transport is no idle connection, nor a head that takes too long."""
    limits = Limits(header_timeout=2, keep_alive=2, send_timeout=60, sweep_interval=0.05)
    served = serve_both(app, state={"entrepot.fast": fast}, limits=limits)
    client = served.connect(small_buffer=True)
    ask(client, asked := paths(kind)[:200])
    client.send(b"GET /fast/last HTTP/1.1\r\nHo")
    time.sleep(3)
    client.send(b"st: a\r\n\r\n")
    read_fast(client)
    for _ in asked:
        assert client.answer().status == 200
    assert client.answer().body == content(b"/fast/last", SIZE)


def test_broken_after_a_full_transport(serve_both: "Serve") -> None:
    """The refusal comes after all the answers that were asked for before it."""
    served = serve_both(app, state={"entrepot.fast": fast})
    client = served.connect(small_buffer=True)
    ask(client, asked := paths("fast")[:200])
    client.send(b"nonsense\r\n\r\n")
    time.sleep(0.3)
    read_fast(client)
    assert [client.answer().status for _ in asked] == [200] * len(asked)
    assert client.answer().status == 400
    assert client.rest() == b""


def test_peer_that_leaves_during_a_large_answer(serve_both: "Serve") -> None:
    ended: list[str] = []

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except ConnectionResetError:
            ended.append("reset")
            raise

    served = serve_both(noted)
    client = served.connect(small_buffer=True).get("/huge")
    assert client.head()[0] == 200
    client.sock.close()
    served.stop()
    served.wait()
    assert ended == ["reset"]


def test_one_write_resumes_without_recursion(serve_both: "Serve") -> None:
    """Thousands of small answers, each of which may pause and resume the transport."""

    def tiny(*_: Any) -> tuple[bytes, bytes]:
        return b"HTTP/1.1 200 OK\r\n", b"content-length: 1\r\n\r\nx"

    async def unused(*_: Any) -> None:
        await asyncio.sleep(0)

    client = serve_both(unused, state={"entrepot.fast": tiny}).connect()
    count = 5_000
    ask(client, ["/"] * count)
    assert all(client.answer().body == b"x" for _ in range(count))
