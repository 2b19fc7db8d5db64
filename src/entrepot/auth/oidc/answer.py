"""An answer from outside, read within limits, or the reason why there is none.

Nothing of it is trusted: not its length, not its encoding, and not where it wants to send us next.
Next: `outbound`, which asks.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx2

MAX_BODY = 1024 * 1024
"""Bytes of an answer; a provider's documents have some thousands."""


class OutboundError(Exception):
    """No answer: not permitted, not reached, or not fit to be read. Names hosts, no secrets."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said."""

    status: int
    body: bytes

    def document(self) -> dict[str, Any]:
        """Read the body as a JSON object. Raises `OutboundError`."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise OutboundError("the answer is not a JSON object")
        return found


async def receive(response: "httpx2.Response", host: str) -> Answer:
    """Read what `host` answers. Raises `OutboundError`."""
    try:
        if 300 <= response.status_code < 400:
            elsewhere = _host(response.headers.get("location", ""))
            raise OutboundError(f"{host} redirects to {elsewhere}: redirects are not followed")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise OutboundError(f"{host} sent a compressed answer that nobody asked for")
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > MAX_BODY:
                raise OutboundError(f"{host} sent more than {MAX_BODY} bytes")
        return Answer(response.status_code, bytes(body))
    finally:
        await response.aclose()


async def status_alone(response: "httpx2.Response", _host: str) -> Answer:
    """What the head of an answer says; whatever follows is not waited for."""
    await response.aclose()
    return Answer(response.status_code, b"")


def _host(location: str) -> str:
    """Only the host of a Location: the rest may carry secrets."""
    try:
        return (urlsplit(location).hostname or "another path of its own")[:255]
    except ValueError:
        return "nowhere"
