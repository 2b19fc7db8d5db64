"""A receiver of webhooks: a real HTTP server on loopback, which does whatever a test says."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Got:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


Answer = int | bytes | None
"""A status; these very bytes, and the connection's end; None for that at once."""


@dataclass
class Receiver:
    """What came, and what is answered."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answer: Callable[[Got], Answer] = lambda _: 204
    most_at_once: int = 0
    """How many requests it ever had under way together."""
    _under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def ids(self, repository: str = "") -> list[int]:
        """Of the changes that it was told of, as CloudEvents."""
        found = [each.document for each in list(self.got)]
        return [int(each["id"]) for each in found if each["source"].endswith(repository)]

    def take(self, got: Got) -> Answer:
        with self._lock:
            self.got.append(got)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            return self.answer(got)
        finally:
            with self._lock:
                self._under_way -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever sends may break off."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.take(Got(self.path, headers, body))
            if isinstance(answer, int):
                self.send_response(answer)
                self.send_header("content-length", "0")
                self.end_headers()
            else:
                self.wfile.write(answer or b"")
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_WR)

        def log_message(self, *said: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def receiving(answer: Callable[[Got], Answer] | int = 204) -> Iterator[Receiver]:
    """A receiver, until the block ends."""
    found = Receiver()
    found.answer = answer if callable(answer) else lambda _: answer
    with _Server(("127.0.0.1", 0), _handler(found)) as server:
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join(5)
