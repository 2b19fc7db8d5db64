"""The head of an answer as bytes, and how its body is framed.

Invariant: what is rendered here can be read in one way only. How the message ends is decided here
and nowhere else (RFC 9112 §6): the app's Content-Length if it gives one, else chunks, else (to
HTTP/1.0) the end of the connection.
"""

from collections.abc import Iterable

from entrepot.server.asgi import Message
from entrepot.server.refusal import STATUS_LINES
from entrepot.server.request import Request

OURS = frozenset((b"connection", b"transfer-encoding", b"content-length"))
"""Headers of the connection rather than of the answer: the server writes them."""


class Answer:
    """The framing of one answer; it counts the body against what was promised."""

    # Defaults of the class: one is made for each answer.
    _left: int | None = None
    """Bytes of the promised Content-Length that have not come yet."""
    _chunked = False

    def __init__(self, message: Message, request: Request, *, keep_alive: bool, defaults: bytes):
        status: int = message["status"]
        self.keep_alive = keep_alive
        self.silent = request.method == "HEAD" or status in (204, 304) or status < 200
        lines = [STATUS_LINES[status], defaults]
        self._add_headers(lines, message.get("headers", ()))
        self._add_framing(lines, status, request.version)
        lines.append(b"\r\n")
        self.head = b"".join(lines)
        self._check_injection((len(lines) - 3) + defaults.count(b"\n") + 2)

    def _add_headers(self, lines: list[bytes], headers: Iterable[tuple[bytes, bytes]]) -> None:
        for name, value in headers:
            key = name.lower()
            if key not in OURS:
                lines.append(b"%b: %b\r\n" % (name, value))
            elif key == b"content-length":
                self._promise(value)
            elif key == b"connection" and b"close" in value.lower():
                self.keep_alive = False

    def _promise(self, value: bytes) -> None:
        if not value.isdigit() or self._left not in (None, int(value)):
            raise RuntimeError("the app's Content-Length is malformed or given twice")
        self._left = int(value)

    def _add_framing(self, lines: list[bytes], status: int, version: str) -> None:
        if self._left is not None:
            if status != 204:
                lines.append(b"content-length: %d\r\n" % self._left)
        elif not self.silent:
            self._chunked = version == "1.1"
            self.keep_alive = self.keep_alive and self._chunked
            if self._chunked:
                lines.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        elif version == "1.0":
            lines.append(b"connection: keep-alive\r\n")

    def _check_injection(self, line_count: int) -> None:
        """Refuse a line end or a NUL hidden in a header: count them instead of looking at each."""
        head = self.head
        if head.count(b"\n") != line_count or head.count(b"\r") != line_count or b"\0" in head:
            raise RuntimeError("a line end or a NUL in a header of the app's answer")

    def frame(self, data: bytes, *, more: bool) -> bytes:
        """Return the bytes that carry `data`, with the end of the message if no more follows."""
        if self.silent:
            return b""
        if self._chunked:
            before, after = self.frame_around(len(data), more=more)
            return b"%b%b%b" % (before, data, after)
        if self._left is not None:
            self._count(len(data), more)
        return data

    def frame_around(self, size: int, *, more: bool) -> tuple[bytes, bytes]:
        """Return what goes before and after `size` bytes of body; count them."""
        if self._left is not None:
            self._count(size, more)
        if not self._chunked:
            return b"", b""
        before = b"%x\r\n" % size if size else b""
        after = b"\r\n" if size else b""
        return before, after if more else after + b"0\r\n\r\n"

    def _count(self, size: int, more: bool) -> None:
        assert self._left is not None
        self._left -= size
        if self._left < 0:
            raise RuntimeError("the app's body is longer than its Content-Length")
        if self._left and not more:
            raise RuntimeError("the app's body is shorter than its Content-Length")
