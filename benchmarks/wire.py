"""A plain HTTP/1.1 connection over a blocking socket: cheap, and it hides nothing.

Only what the load generator needs: no redirects, no retries, loopback only.
"""

import io
import socket
import struct
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

TIMEOUT = 120
"""Seconds that one send or receive may take."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes = b""

    @property
    def location(self) -> str:
        """Path and query of the Location header; some servers send the whole URL."""
        parts = urlsplit(self.headers["location"])
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def require(self, *statuses: int) -> Self:
        """Return the answer itself, or raise RuntimeError if its status is none of these."""
        if self.status not in statuses:
            raise RuntimeError(f"status {self.status}, not {statuses}: {self.body[:300]!r}")
        return self


class Connection:
    """One keep-alive connection to a server on this machine."""

    def __init__(self, port: int, authorization: str = "") -> None:
        self.authorization = authorization
        """A whole line with CRLF, sent with each request; "" for none."""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Kernel time-outs, so that the descriptor stays blocking and os.sendfile can use it.
        limit = struct.pack("ll", TIMEOUT, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        raw = self.socket.makefile("rb", buffering=0)
        self.reader = io.BufferedReader(raw, 1 << 16)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket and its reader."""
        self.reader.close()
        self.socket.close()

    def request(
        self, method: str, path: str, *, headers: str = "", body: bytes | None = None
    ) -> Answer:
        """Send a request and wait for its whole answer; `headers` are whole lines with CRLF."""
        if body is not None:
            headers += f"content-length: {len(body)}\r\n"
        self.socket.sendall(self.head(method, path, headers) + (body or b""))
        return self.answer(bodyless=method == "HEAD")

    def head(self, method: str, path: str, headers: str = "") -> bytes:
        """Return the bytes of a request's head; `headers` are whole lines with CRLF."""
        lines = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{self.authorization}{headers}\r\n"
        return lines.encode()

    def answer(self, *, bodyless: bool = False) -> Answer:
        """Read one whole answer."""
        status, headers = self.answer_head()
        if bodyless or status in {204, 304}:
            body = b""
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        else:
            body = self.reader.read(int(headers.get("content-length", "0")))
        return Answer(status, headers, body)

    def answer_head(self) -> tuple[int, dict[str, str]]:
        """Read a status line and headers and leave the body where it is."""
        line = self.reader.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        status = int(line.split(None, 2)[1])
        headers = {}
        while (line := self.reader.readline()) not in {b"\r\n", b""}:
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return status, headers

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.reader.readline().split(b";")[0], 16):
            parts.append(self.reader.read(size))
            self.reader.readline()
        self.reader.readline()
        return b"".join(parts)
