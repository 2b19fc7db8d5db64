"""A real uvicorn server in a thread, and a client that writes and reads raw bytes."""

import contextlib
import functools
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn

from entrepot.server.asgi import App, Message, Receive, Scope, Send
from entrepot.server.limits import Limits
from entrepot.server.protocol import RegistryProtocol
from entrepot.server.proxies import Proxies


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The error code of a refusal, after a look at its shape."""
        [error] = json.loads(self.body)["errors"]
        assert self.headers["content-type"] == "application/json"
        assert error["message"]
        return str(error["code"])


class Client:
    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.buffer = b""

    def send(self, data: bytes) -> "Client":
        self.sock.sendall(data)
        return self

    def get(self, path: str = "/", *headers: str, method: str = "GET") -> "Client":
        lines = [f"{method} {path} HTTP/1.1", "Host: test", *headers, "", ""]
        return self.send("\r\n".join(lines).encode())

    def more(self, size: int = 1 << 18) -> bool:
        data = self.sock.recv(size)
        self.buffer += data
        return bool(data)

    def until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            assert self.more(), f"the connection ended after {self.buffer[:500]!r}"
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            assert self.more(size - len(self.buffer)), (
                f"the connection ended after {len(self.buffer)} bytes"
            )
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def head(self) -> tuple[int, dict[str, str]]:
        status, *lines = self.until(b"\r\n\r\n").decode().split("\r\n")
        return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines)

    def answer(self, method: str = "GET") -> Answer:
        status, headers = self.head()
        if method == "HEAD" or status in (204, 304):
            return Answer(status, headers, b"")
        if "content-length" in headers:
            return Answer(status, headers, self.exactly(int(headers["content-length"])))
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, b"".join(self.chunks()))
        return Answer(status, headers, self.rest())

    def chunks(self) -> Iterator[bytes]:
        while size := int(self.until(b"\r\n"), 16):
            yield self.exactly(size)
            assert self.exactly(2) == b"\r\n"
        assert self.exactly(2) == b"\r\n"

    def rest(self) -> bytes:
        """Everything until the peer ends the connection in an orderly way."""
        while self.more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def is_reset(self) -> bool:
        """Whether the connection breaks without a complete answer (a reset, or an early end)."""
        try:
            self.rest()
        except (ConnectionResetError, ssl.SSLError):
            return True
        return False


@dataclass
class Served:
    server: uvicorn.Server
    thread: threading.Thread
    port: int
    tls: ssl.SSLContext | None
    clients: list[Client] = field(default_factory=list)

    def connect(self, *, small_buffer: bool = False) -> Client:
        sock = socket.socket()
        sock.settimeout(60)
        if small_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", self.port))
        if self.tls is not None:
            sock = self.tls.wrap_socket(sock, server_hostname="localhost")
        client = Client(sock)
        self.clients.append(client)
        return client

    def stop(self) -> None:
        """Begin a graceful stop."""
        self.server.should_exit = True

    def wait(self) -> None:
        self.thread.join(60)
        assert not self.thread.is_alive()

    def close(self) -> None:
        """Begin the end; `all_stopped` waits for it, later and for all servers at once."""
        for client in self.clients:
            client.sock.close()
        self.stop()


RUNNING: list[Served] = []


@pytest.fixture(scope="session", autouse=True)
def all_stopped() -> Iterator[None]:
    """Every server must be able to stop when its clients have gone."""
    yield
    for served in RUNNING:
        served.wait()


def with_lifespan(app: App, state: dict[str, Any]) -> App:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        while True:
            message = await receive()
            scope["state"].update(state)
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return None

    return wrapped


def start(
    app: App,
    loop: str,
    limits: Limits,
    state: dict[str, Any],
    tls: ssl.SSLContext | None,
    proxies: Proxies | None,
    options: dict[str, Any],
) -> Served:
    config = uvicorn.Config(
        with_lifespan(app, state),
        http=functools.partial(  # type: ignore[arg-type]
            RegistryProtocol, limits=limits, proxies=proxies
        ),
        loop=loop,
        lifespan="on",
        log_config=None,
        host="127.0.0.1",
        **options,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    return Served(server, thread, listener.getsockname()[1], tls)


Serve = Callable[..., Served]


@contextlib.contextmanager
def serving(loop: str) -> Iterator[Serve]:
    with contextlib.ExitStack() as stack:

        def serve(
            app: App,
            *,
            limits: Limits | None = None,
            state: dict[str, Any] | None = None,
            tls: ssl.SSLContext | None = None,
            proxies: Proxies | None = None,
            **options: Any,
        ) -> Served:
            RUNNING.append(
                served := start(app, loop, limits or Limits(), state or {}, tls, proxies, options)
            )
            stack.callback(served.close)
            return served

        yield serve


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers on uvloop; they are stopped at the end of the test."""
    with serving("uvloop") as start_one:
        yield start_one


@pytest.fixture(params=["asyncio", "uvloop"])
def serve_both(request: pytest.FixtureRequest) -> Iterator[Serve]:
    """Start servers on either loop, where the loop makes a difference."""
    with serving(request.param) as start_one:
        yield start_one


@pytest.fixture(scope="module")
def serve_module() -> Iterator[Serve]:
    """Start servers that live as long as the module, on uvloop."""
    with serving("uvloop") as start_one:
        yield start_one


Respond = Callable[..., Any]


@pytest.fixture(scope="session")
def respond() -> Respond:
    """Send a whole answer."""

    async def answer(
        send: Send, body: bytes = b"ok", status: int = 200, *headers: tuple[bytes, bytes]
    ) -> None:
        length = (b"content-length", b"%d" % len(body))
        start: Message = {"type": "http.response.start", "status": status}
        await send({**start, "headers": [length, *headers]})
        await send({"type": "http.response.body", "body": body})

    return answer
