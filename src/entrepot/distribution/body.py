"""Bodies of requests: small ones into memory, large ones into a sink off the event loop.

A server that can move a body without the loop says so by the extension `entrepot.receive_into`
(`server.intake`); on any other server the same is done with what ASGI has.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from entrepot.distribution.request import Request
from entrepot.oci.errors import Code, OCIError

Sink: TypeAlias = Callable[[memoryview], None]
"""Takes a piece of the body; the view is good only during the call, which may block."""

_BATCH = 1024 * 1024


async def read(request: Request, limit: int) -> bytes:
    """The whole body. Raises SIZE_INVALID (413) for more than `limit` bytes, before reading on."""
    if (request.length or 0) > limit:
        raise too_large(limit)
    content, more = bytearray(), True  # no list: a thousand tiny chunks cost a thousand objects
    while more:
        piece, more = await _next(request)
        content += piece
        if len(content) > limit:
            raise too_large(limit)
    request.received = len(content)
    return bytes(content)


def too_large(limit: int) -> OCIError:
    """The error for a body over its limit."""
    return OCIError(Code.SIZE_INVALID, f"at most {limit} bytes are taken here", status=413)


async def receive_into(request: Request, sink: Sink) -> int:
    """Move the whole body into a sink; the bytes moved.

    Raises ConnectionResetError where the body was cut; what came before is in the sink.
    """
    if request.length == 0:
        return 0
    extensions = request.scope.get("extensions") or {}
    receive: Callable[[Sink], Awaitable[int]] | None = extensions.get("entrepot.receive_into")
    if receive is not None:
        return await receive(sink)
    return await _receive_plainly(request, sink)


async def _receive_plainly(request: Request, sink: Sink) -> int:
    total, more, batch = 0, True, bytearray()
    try:
        while more:
            piece, more = await _next(request)
            batch += piece
            if len(batch) >= _BATCH:
                total += await _pour(batch, sink)
    finally:
        total += await _pour(batch, sink)
    return total


async def _pour(batch: bytearray, sink: Sink) -> int:
    """Empty the batch into the sink."""
    count = len(batch)
    if count:
        with memoryview(batch) as view:
            await asyncio.to_thread(sink, view)
        batch.clear()
    return count


async def _next(request: Request) -> tuple[bytes, bool]:
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ConnectionResetError("the client went away before the body was whole")
    return message.get("body", b""), message.get("more_body", False)
