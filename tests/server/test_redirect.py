"""Plain HTTP leads to https, and nowhere else."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import uvloop
from tests.server.conftest import Client

from entrepot.server.redirect import Redirect, redirecting

Start = Callable[..., "Listening"]


class Listening:
    """A listener in a thread of its own."""

    def __init__(self, port: int, public_url: str) -> None:
        self._loop = uvloop.new_event_loop()
        self._stop = asyncio.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._redirect = Redirect(self._listener, port, public_url)
        self._clients: list[Client] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run()])
        self._thread.start()
        assert self._ready.wait(60)

    async def _run(self) -> None:
        async with redirecting(self._redirect):
            self._ready.set()
            await self._stop.wait()

    def connect(self) -> Client:
        client = Client(socket.create_connection(self.address, timeout=60))
        self._clients.append(client)
        return client

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        assert not self._thread.is_alive()

    def close(self) -> None:
        if self._thread.is_alive():
            self.stop()
        for client in self._clients:
            client.sock.close()
        self._loop.close()
        self._listener.close()


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(port: int = 5000, public_url: str = "") -> Listening:
            listening = Listening(port, public_url)
            stack.callback(listening.close)
            return listening

        yield begin


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method(start: Start, method: str) -> None:
    client = start().connect()
    answer = client.get("/v2/a/tags/list?n=1&last=%0d%0a", method=method).answer(method)
    assert answer.status == 308
    assert answer.headers["location"] == "https://test:5000/v2/a/tags/list?n=1&last=%0d%0a"
    assert answer.headers["connection"] == "close"
    assert client.rest() == b""


@pytest.mark.parametrize(
    ("host", "port", "public_url", "location"),
    [
        ("registry.example.org", 443, "", "https://registry.example.org/v2/"),
        ("registry.example.org:80", 443, "", "https://registry.example.org/v2/"),
        ("registry.example.org:80", 8443, "", "https://registry.example.org:8443/v2/"),
        ("[::1]:80", 443, "", "https://[::1]/v2/"),
        ("192.0.2.1", 443, "", "https://192.0.2.1/v2/"),
        ("any.test", 5000, "https://registry.test", "https://registry.test/v2/"),
    ],
)
def test_location(start: Start, host: str, port: int, public_url: str, location: str) -> None:
    client = start(port, public_url).connect()
    client.send(f"GET /v2/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert client.answer().headers["location"] == location


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: user@evil.test\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.test?\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.test#\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xe9vil.test\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rSet-Cookie: b\r\n\r\n",
        b"GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=repr,
)
def test_what_cannot_be_led_anywhere(start: Start, request_: bytes) -> None:
    client = start().connect().send(request_)
    answer = client.answer()
    assert (answer.status, answer.code) == (400, "UNSUPPORTED")
    assert "location" not in answer.headers
    assert client.rest() == b""


@pytest.mark.parametrize("target", ["//evil.test/", "/\\evil.test", "http://other.test/x"])
def test_the_host_is_that_of_the_request(start: Start, target: str) -> None:
    location = start().connect().get(target).answer().headers["location"]
    asked = "other.test" if "other" in target else "test"
    assert location.startswith(f"https://{asked}:5000/")


def test_no_head_is_too_long(start: Start) -> None:
    client = start().connect().get("/", f"X: {'x' * 9000}")
    assert client.answer().status == 431


def test_an_upload_sees_the_answer(start: Start) -> None:
    client = start().connect()
    client.get("/", "Content-Length: 1000000", method="PUT")
    assert client.answer().status == 308
    client.send(bytes(1_000_000))
    assert client.rest() == b""


def test_a_head_in_pieces(start: Start) -> None:
    client = start().connect()
    for byte in b"GET / HTTP/1.1\r\nHost: a\r\n\r\n":
        client.send(bytes([byte]))
    assert client.answer().headers["location"] == "https://a:5000/"


def test_it_stops_though_somebody_is_silent(start: Start) -> None:
    listening = start()
    silent, asking = listening.connect(), listening.connect()
    asking.get()
    assert asking.answer().status == 308
    silent.send(b"GET /")
    listening.stop()
    assert silent.rest() == b""
