"""A registry that answers what a test says, and remembers who asked for what."""

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from entrepot.auth.ca_folder import Pair

HANGS = 60
"""Seconds for which it waits where a test lets it hang."""


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Say:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    """After how many bytes the connection ends, where it is to."""
    halt: int = 0
    """After how many bytes it waits for the gate."""
    gate: threading.Event | None = None


Answer = Callable[[Asked], Say]


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    """Beyond these who connects tries again a second later."""


class Scripted:
    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.address = f"{server.server_address[0]!s}:{server.server_port}"
        self.asked: list[Asked] = []

    def paths(self, method: str = "GET") -> list[str]:
        return [each.path for each in self.asked if each.method == method]


@contextmanager
def scripted(
    answer: Answer, tls: Pair | None = None, where: tuple[str, int] = ("127.0.0.1", 0)
) -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            headers = {key.lower(): value for key, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            asked = Asked(self.command, self.path, headers, body)
            found.asked.append(asked)
            say = answer(asked)
            self.send_response(say.status)
            given = {"content-length": str(len(say.body)), **say.headers}
            for key, value in given.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                body = say.body[: say.cut or None]
                if say.gate is not None:
                    self.wfile.write(body[: say.halt])
                    say.gate.wait(HANGS)
                    body = body[say.halt :]
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)
            if say.cut:
                self.close_connection = True

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815 - http.server's names
        do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(where, Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.cert, tls.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found = Scripted(server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
