"""Answers that the server gives by itself, in the shape that registry clients print.

OCI distribution-spec, "Error Codes": a JSON object with a list of code and message.
"""

import http
import json
from dataclasses import dataclass


def _status_line(status: int) -> bytes:
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


STATUS_LINES = {status: _status_line(status) for status in range(100, 600)}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One answer of the server's own; the connection is closed after it."""

    status: int
    code: str
    """An error code of the distribution-spec."""
    message: str
    """What is wrong, and what to do."""
    headers: bytes = b""
    """More header lines, each with its line end."""

    def head(self, lines: bytes) -> bytes:
        """Return status line and headers; `lines` are more of these, each with its line end."""
        framing = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(self.body())
        parts = (STATUS_LINES[self.status], lines, self.headers, framing)
        return b"".join(parts) + b"connection: close\r\n\r\n"

    def body(self) -> bytes:
        """Return what a client prints; not for HEAD."""
        return json.dumps({"errors": [{"code": self.code, "message": self.message}]}).encode()


class RefusedError(Exception):
    """Raised where a request is found to be wrong; carries the answer."""

    def __init__(self, refusal: Refusal):
        super().__init__(refusal.message)
        self.refusal = refusal


def bad_request(why: str) -> Refusal:
    """Return the answer to a request that cannot be read without guessing."""
    return Refusal(400, "UNSUPPORTED", f"not a valid HTTP/1.1 request: {why}; correct the client")


HEAD_TIMEOUT = Refusal(
    408, "UNSUPPORTED", "the request's headers took too long; send them in one go and try again"
)
HEAD_TOO_LARGE = Refusal(
    431, "UNSUPPORTED", "the request's headers are too large; send fewer or shorter headers"
)
TOO_BUSY = Refusal(
    429,
    "TOOMANYREQUESTS",
    "the server has as much to do as it may; try again in a second",
    b"retry-after: 1\r\n",
)
APP_FAILED = Refusal(
    500, "UNKNOWN", "the server failed to answer; its log says why; try again or tell its operator"
)
