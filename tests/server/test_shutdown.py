"""A graceful stop cuts nothing that was begun."""

import asyncio
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.waiting import until

if TYPE_CHECKING:
    from tests.server.conftest import Respond, Serve

CONTENT = random.Random(4).randbytes(12 << 20)


@dataclass
class Slow:
    """An answer that comes when it may, and not by the clock."""

    begun: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def app(respond: "Respond", slow: Slow, tmp_path: Path) -> Any:
    path = tmp_path / "blob"
    path.write_bytes(CONTENT)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/file":
            length = [(b"content-length", b"%d" % len(CONTENT))]
            await send({"type": "http.response.start", "status": 200, "headers": length})
            with path.open("rb") as file:
                await send({"type": "http.response.zerocopysend", "file": file, "offset": 0})
        elif scope["path"] == "/into":
            data = bytearray()
            slow.begun.set()
            await scope["extensions"]["entrepot.receive_into"](data.__iadd__)
            await respond(send, b"whole" if data == CONTENT else b"cut")
        else:
            slow.begun.set()
            while not slow.free.is_set():  # noqa: ASYNC110 -- it is set by another thread
                await asyncio.sleep(0.01)
            await respond(send, b"slow")

    return app


def test_idle_connections_are_closed_at_once(serve_both: "Serve", app: Any, slow: Slow) -> None:
    slow.free.set()
    served = serve_both(app)
    clients = [served.connect() for _ in range(3)]
    clients[1].get("/slow").answer()
    clients[2].send(b"GET / HTT")
    until(lambda: len(served.server.server_state.connections) == 3)
    served.stop()
    served.wait()
    assert [client.rest() for client in clients] == [b""] * 3


def test_request_in_flight_is_answered(serve_both: "Serve", app: Any, slow: Slow) -> None:
    served = serve_both(app)
    client = served.connect().get("/slow").get("/slow")
    assert slow.begun.wait(60)
    served.stop()
    until(lambda: not served.server.servers[0].is_serving())
    slow.free.set()
    answer = client.answer()
    assert (answer.body, answer.headers["connection"]) == (b"slow", "close")
    assert client.rest() == b""
    client.sock.close()
    served.wait()


def test_download_in_progress_is_finished(serve_both: "Serve", app: Any) -> None:
    served = serve_both(app)
    client = served.connect().get("/file")
    assert client.head()[0] == 200
    served.stop()
    time.sleep(0.2)
    assert client.exactly(len(CONTENT)) == CONTENT
    assert client.rest() == b""
    served.wait()


@pytest.mark.parametrize("form", ["length", "chunked"])
@pytest.mark.parametrize("begun", [1000, 5 << 20])
def test_upload_in_progress_is_finished(
    serve_both: "Serve", app: Any, slow: Slow, form: str, begun: int
) -> None:
    served = serve_both(app)
    client = served.connect()
    if form == "length":
        client.get("/into", f"Content-Length: {len(CONTENT)}", method="PUT")
    else:
        client.get("/into", "Transfer-Encoding: chunked", method="PUT")
        client.send(b"%x\r\n" % len(CONTENT))
    client.send(CONTENT[:begun])
    assert slow.begun.wait(60)
    served.stop()
    time.sleep(0.2)
    client.send(CONTENT[begun:] + (b"" if form == "length" else b"\r\n0\r\n\r\n"))
    answer = client.answer()
    assert (answer.body, answer.headers["connection"]) == (b"whole", "close")
    assert client.rest() == b""
    served.wait()


@pytest.mark.parametrize("path", ["/file", "/into", "/slow"])
def test_stop_that_takes_too_long_is_forced(serve: "Serve", app: Any, path: str) -> None:
    served = serve(app, timeout_graceful_shutdown=0.5)
    client = served.connect(small_buffer=True)
    if path == "/into":
        client.get(path, f"Content-Length: {len(CONTENT)}", method="PUT").send(CONTENT[:100_000])
    else:
        client.get(path)
    time.sleep(0.1)
    served.stop()
    served.wait()
    assert not [thread for thread in threading.enumerate() if thread is served.thread]
    client.is_reset()
    assert path == "/slow" or CONTENT not in client.buffer
