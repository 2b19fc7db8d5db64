"""Plain HTTP answered by a redirect to https, on a port of its own (RFC 9110 §15.4.9).

Invariant: where it leads is made of our own port and of what passed a strict grammar, so nobody can
be led elsewhere than to the name that they asked for, and no header can be slipped in.
"""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import formatdate

from entrepot.addresses import read_host
from entrepot.server.inbox import Inbox
from entrepot.server.limits import Limits
from entrepot.server.refusal import STATUS_LINES, Refusal, bad_request
from entrepot.server.request import Request

LIMITS = Limits(header_bytes=8192)

TIME_OUT = 10.0
"""Seconds for a client to ask."""

LINGER = 2.0
"""Seconds in which what it still sends is thrown away, so that it sees the answer."""

_target = re.compile(rb"/[\x21-\x7e]*").fullmatch


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where to listen, and where to send whoever comes."""

    listener: socket.socket
    port: int
    """Where the registry listens."""
    public_url: str = ""
    """What the registry is called, where that is set."""

    def answer(self, request: Request) -> bytes:
        """The redirect of one request, or a refusal."""
        host = read_host(dict(request.headers).get(b"host", b"").decode("latin-1"))
        if host is None:
            return _refused(bad_request("it needs the name of a host"), request)
        if not _target(request.target):
            return _refused(bad_request("the target is not the path of a URL"), request)
        port = "" if self.port == 443 else f":{self.port}"
        base = self.public_url or f"https://{host[1]}{port}"
        lines = _lines() + b"location: %b%b\r\n" % (base.encode(), request.target)
        return STATUS_LINES[308] + lines + b"content-length: 0\r\nconnection: close\r\n\r\n"


def _refused(refusal: Refusal, request: Request) -> bytes:
    return refusal.head(_lines()) + (b"" if request.method == "HEAD" else refusal.body())


def _lines() -> bytes:
    return f"date: {formatdate(usegmt=True)}\r\n".encode()


class _Connection(asyncio.Protocol):
    """One request, one answer."""

    _transport: asyncio.Transport
    _deadline: asyncio.TimerHandle

    def __init__(self, redirect: Redirect, all_of_them: "set[_Connection]"):
        self._redirect = redirect
        self._all = all_of_them
        self._inbox = Inbox(LIMITS)
        self._answered = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._all.add(self)
        self._expect(TIME_OUT)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._deadline.cancel()
        self._all.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._answered:
            return
        inbox = self._inbox
        inbox.feed(data)
        if inbox.requests:
            self._answer(self._redirect.answer(inbox.requests[0]))
        elif inbox.broken is not None:
            self._answer(_refused(inbox.broken, inbox.arriving or Request()))

    def close(self) -> None:
        """End it; what is written already still goes out."""
        self._transport.close()

    def _answer(self, answer: bytes) -> None:
        self._answered = True
        self._transport.write(answer)
        with contextlib.suppress(OSError):  # the peer may be gone before we have been told
            self._transport.write_eof()
        self._deadline.cancel()
        self._expect(LINGER)

    def _expect(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(seconds, self._transport.abort)


@contextlib.asynccontextmanager
async def redirecting(redirect: Redirect) -> AsyncIterator[None]:
    """Answer for as long as the block lasts."""
    connections: set[_Connection] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(redirect, connections), sock=redirect.listener
    )
    try:
        yield
    finally:
        server.close()
        for connection in list(connections):
            connection.close()
        await server.wait_closed()
