"""`Response`: what a handler answers, and the one function that sends it."""

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from entrepot.blobstore.store import Source
from entrepot.distribution.asgi import Header, Scope, Send
from entrepot.oci.ranges import Span
from entrepot.redaction import redacted

_PIECE = 1024 * 1024

API_VERSION: Header = (b"docker-distribution-api-version", b"registry/2.0")


@dataclass(slots=True)
class Response:
    """Status, headers and a body: bytes, or what a store has, closed once it is sent."""

    status: int
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""
    source: Source | None = None

    def __len__(self) -> int:
        """Bytes of the body."""
        return self.source.size if self.source is not None else len(self.body)

    def close(self) -> None:
        """Give the files back."""
        if self.source is not None:
            self.source.close()


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
    if response.source is None:
        await send({"type": "http.response.body", "body": response.body})
        return len(response)
    send_file = _send_file if _moves_files(scope) else _copy_file
    if response.source.stream is not None:
        await _stream(response.source.stream, send)
    elif response.source.growing is not None:
        async for span in response.source.growing:
            await send_file(response.source.files[0][0], span, send, more=True)
        await send({"type": "http.response.body", "body": b""})
    else:
        *before, last = response.source.files
        for file, span in before:
            await send_file(file, span, send, more=True)
        await send_file(*last, send, more=False)
    return len(response)


async def _stream(stream: AsyncIterator[bytes | memoryview], send: Send) -> None:
    """Where it breaks off, what raises here cuts the connection: it never looks like an end."""
    async for piece in stream:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _moves_files(scope: Scope) -> bool:
    return "http.response.zerocopysend" in scope.get("extensions", ())


async def _send_file(file: io.FileIO, span: Span, send: Send, *, more: bool) -> None:
    await send(
        {
            "type": "http.response.zerocopysend",
            "file": file,
            "offset": span.start,
            "count": len(span),
            "more_body": more,
        }
    )


async def _copy_file(file: io.FileIO, span: Span, send: Send, *, more: bool) -> None:
    """What any ASGI server can do."""
    offset = span.start
    while offset < span.stop:
        size = min(_PIECE, span.stop - offset)
        piece = await asyncio.to_thread(os.pread, file.fileno(), size, offset)
        if not piece:
            raise OSError(f"object {file.name} ends at {offset}, not at {span.stop}")
        offset += len(piece)
        follows = more or offset < span.stop
        await send({"type": "http.response.body", "body": piece, "more_body": follows})
