"""Slow, silent and long-winded peers."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.waiting import until

from entrepot.server.limits import Limits

if TYPE_CHECKING:
    from tests.server.conftest import Respond, Serve

SHORT = Limits(
    header_bytes=2000,
    header_timeout=2,
    body_timeout=2,
    keep_alive=2,
    send_timeout=2,
    sweep_interval=0.05,
)

SMALL_HEADS = Limits(header_bytes=2000)
"""Without a limit on time, which a busy machine might reach first."""


@pytest.fixture
def app(respond: "Respond") -> Any:
    async def read_all(scope: Any, receive: Any, send: Any) -> None:
        while scope["method"] == "PUT":
            message = await receive()
            if message["type"] == "http.disconnect":
                scope["state"]["seen"].append("cut")
                return
            if not message["more_body"]:
                scope["state"]["seen"].append("complete")
                break
        await respond(send)

    return read_all


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("size", [3000, 100_000])
def test_large_head_is_refused(serve: "Serve", app: Any, complete: bool, size: int) -> None:
    client = serve(app, limits=SMALL_HEADS).connect()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * size)
    if complete:
        client.send(b"\r\n\r\n")
    answer = client.answer()
    assert (answer.status, answer.code) == (431, "UNSUPPORTED")
    assert client.rest() == b""


def test_many_small_headers_are_refused(serve: "Serve", app: Any) -> None:
    client = serve(app, limits=SMALL_HEADS).connect()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 500 + b"\r\n")
    assert client.answer().status == 431


def test_long_target_is_refused(serve: "Serve", app: Any) -> None:
    client = serve(app, limits=SMALL_HEADS).connect()
    assert client.get("/" + "x" * 3000).answer().status == 431


def test_head_within_the_limit_is_served(serve: "Serve", app: Any) -> None:
    client = serve(app, limits=SMALL_HEADS).connect()
    for _ in range(3):  # each counts alone
        assert client.get("/", "X: " + "x" * 1800).answer().status == 200


def test_head_after_a_large_body_counts_alone(serve: "Serve", app: Any) -> None:
    client = serve(app, limits=SMALL_HEADS, state={"seen": []}).connect()
    put = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n" + bytes(10000)
    client.send(put + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + put)
    assert [client.answer().status for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize("tail", [b"0\r\nX: ", b"3;x="], ids=["trailer", "chunk extension"])
def test_endless_trailer_or_extension_is_cut(serve: "Serve", app: Any, tail: bytes) -> None:
    seen: list[str] = []
    client = serve(app, limits=SMALL_HEADS, state={"seen": seen}).connect()
    client.get("/", "Transfer-Encoding: chunked", method="PUT")
    client.send(tail + b"x" * 300_000)  # more than one read of the server
    assert client.answer().status == 431
    until(lambda: seen)
    assert seen == ["cut"]


def test_silent_new_connection_is_closed(serve: "Serve", app: Any) -> None:
    assert serve(app, limits=SHORT).connect().rest() == b""


@pytest.mark.parametrize("first", [True, False], ids=["first request", "second request"])
def test_slow_head_is_refused(serve: "Serve", app: Any, first: bool) -> None:
    limits = Limits(header_timeout=2, sweep_interval=0.05)
    client = serve(app, limits=limits).connect()
    if not first:
        client.get().answer()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
    client.sock.settimeout(0.1)
    for _ in range(50):
        try:
            client.send(b"X: y\r\n")
            client.more()
            break
        except TimeoutError:
            continue
    client.sock.settimeout(60)
    answer = client.answer()
    assert (answer.status, answer.code) == (408, "UNSUPPORTED")
    assert client.rest() == b""


def test_idle_connection_is_closed(serve: "Serve", app: Any) -> None:
    client = serve(app, limits=SHORT).connect()
    assert client.get().answer().status == 200
    assert client.rest() == b""


@pytest.mark.parametrize("form", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_body_that_stands_still_is_cut(serve_both: "Serve", app: Any, form: str) -> None:
    seen: list[str] = []
    served = serve_both(app, limits=SHORT, state={"seen": seen})
    client = served.connect()
    client.get("/", form, method="PUT").send(b"3\r\nabc\r\n")
    assert client.is_reset() or client.buffer == b""
    served.close()
    served.wait()
    assert seen == ["cut"]


@pytest.mark.parametrize("form", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_body_that_ends_early_is_cut(serve: "Serve", app: Any, form: str) -> None:
    seen: list[str] = []
    served = serve(app, state={"seen": seen})
    client = served.connect()
    client.get("/", form, method="PUT").send(b"3\r\nabc\r\n").sock.close()
    until(lambda: seen)
    assert seen == ["cut"]


def test_unread_small_rest_has_a_time_limit(serve: "Serve", app: Any) -> None:
    client = serve(app, limits=SHORT).connect()
    client.get("/", "Content-Length: 10", method="POST")
    assert client.answer().status == 200
    assert client.is_reset() or client.buffer == b""


def test_broken_rest_of_an_unwanted_body_ends_the_connection(serve: "Serve", app: Any) -> None:
    client = serve(app).connect()
    client.get("/", "Content-Length: 10", method="POST")
    assert client.answer().status == 200
    client.send(b"0123456789GET what\r\n\r\n")
    assert client.answer().status == 400
    assert client.rest() == b""


@pytest.mark.parametrize("pieces", [1, 100], ids=["one large body", "many bodies"])
def test_stalled_download_is_cut(serve_both: "Serve", pieces: int) -> None:
    ended: list[type] = []

    async def large(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            for _ in range(pieces):
                body = {"type": "http.response.body", "body": bytes((20 << 20) // pieces)}
                await send({**body, "more_body": True})
            await asyncio.sleep(0)
            await send({"type": "http.response.body"})
        except ConnectionResetError as error:
            ended.append(type(error))

    served = serve_both(large, limits=SHORT)
    client = served.connect(small_buffer=True).get()
    assert client.head()[0] == 200
    served.stop()
    served.wait()  # the server can stop: nobody holds the connection any more
    assert client.is_reset()
    assert ended == [ConnectionResetError]


def test_slow_but_moving_download_is_not_cut(serve: "Serve") -> None:
    size = 8 << 20

    async def large(scope: Any, receive: Any, send: Any) -> None:
        length = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": bytes(size)})

    limits = Limits(send_timeout=6, sweep_interval=0.05)
    client = serve(large, limits=limits).connect(small_buffer=True).get()
    assert client.head()[0] == 200
    for _ in range(12):  # far longer than send_timeout, far from the end of the buffer
        time.sleep(0.6)
        client.exactly(100_000)
    assert len(client.exactly(size - 1_200_000)) == size - 1_200_000
