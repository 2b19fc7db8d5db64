"""`Response`: what a handler answers, and the one function that sends it."""

import asyncio
import io
import json
import os
from dataclasses import dataclass, field
from typing import Any

from entrepot.distribution.asgi import Header, Scope, Send
from entrepot.oci.ranges import Span
from entrepot.redaction import redacted

_PIECE = 1024 * 1024

API_VERSION: Header = (b"docker-distribution-api-version", b"registry/2.0")


@dataclass(slots=True)
class Response:
    """Status, headers and a body: bytes, or a span of a file that is closed once it is sent."""

    status: int
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""
    file: io.FileIO | None = None
    span: Span = field(default_factory=lambda: Span(0, 0))

    def __len__(self) -> int:
        """Bytes of the body."""
        return len(self.span) if self.file is not None else len(self.body)

    def close(self) -> None:
        """Give the file back."""
        if self.file is not None:
            self.file.close()


def as_json(document: Any, status: int = 200, headers: list[Header] | None = None) -> Response:
    """A JSON answer."""
    kind = (b"content-type", b"application/json")
    return Response(status, [kind, *(headers or [])], json.dumps(document).encode())


def problem(error: Any) -> Response:
    """An `OCIError` as the spec wants it told."""
    found = as_json(error.document(), error.status, list(error.headers))
    found.body = redacted(found.body.decode()).encode()  # the path may be a part of it
    return found


async def respond(response: Response, scope: Scope, send: Send) -> int:
    """Send an answer; the bytes of body that went out."""
    headers = response.headers
    if response.status not in (204, 304) and not any(k == b"content-length" for k, _ in headers):
        headers.append((b"content-length", b"%d" % len(response)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if scope["method"] == "HEAD" or not len(response):
        await send({"type": "http.response.body", "body": b""})
        return 0
    if response.file is None:
        await send({"type": "http.response.body", "body": response.body})
    elif "http.response.zerocopysend" in scope.get("extensions", ()):
        await _send_file(response.file, response.span, send)
    else:
        await _copy_file(response.file, response.span, send)
    return len(response)


async def _send_file(file: io.FileIO, span: Span, send: Send) -> None:
    await send(
        {
            "type": "http.response.zerocopysend",
            "file": file,
            "offset": span.start,
            "count": len(span),
        }
    )


async def _copy_file(file: io.FileIO, span: Span, send: Send) -> None:
    """What any ASGI server can do."""
    offset = span.start
    while offset < span.stop:
        size = min(_PIECE, span.stop - offset)
        piece = await asyncio.to_thread(os.pread, file.fileno(), size, offset)
        if not piece:
            raise OSError(f"object {file.name} ends at {offset}, not at {span.stop}")
        offset += len(piece)
        more = offset < span.stop
        await send({"type": "http.response.body", "body": piece, "more_body": more})
