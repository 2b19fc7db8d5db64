"""What has arrived on one connection: bytes go in, requests come out, in order.

Invariant: nothing here acts, it only queues. The parser also runs in the pool thread that reads a
chunked body (intake.py), where nothing of the event loop may be touched; protocol.py acts on what
was queued.
"""

import logging
from collections import deque

import httptools

from entrepot.server.limits import Limits
from entrepot.server.refusal import HEAD_TOO_LARGE, Refusal, RefusedError, bad_request
from entrepot.server.request import FRAMING, Request

log = logging.getLogger("entrepot.server")


class Inbox:
    """The parser of one connection, and the requests it has found."""

    def __init__(self, limits: Limits):
        self.requests: deque[Request] = deque()
        """Those whose headers are complete, and which nobody has begun to answer."""
        self.arriving: Request | None = None
        """The request of which the last byte came, until it is complete."""
        self.broken: Refusal | None = None
        """Why nothing that follows can be understood."""
        self._limits = limits
        self._head: Request | None = None
        self._unproductive = 0
        self._parser = self._new_parser()

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # What follows a request with "connection: close" is dropped rather than an error.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def feed(self, data: bytes | memoryview) -> None:
        """Take what has arrived."""
        self._unproductive += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.broken = bad_request("no Upgrade is served, and something followed it")
        except httptools.HttpParserError as error:
            self.broken = _refusal_for(error)
        # Bytes that are neither a whole head nor body: headers, trailers, chunk extensions.
        if self._unproductive > self._limits.header_bytes and self.broken is None:
            self.broken = HEAD_TOO_LARGE
        if self.broken is not None and self.arriving is not None and self.arriving.body is not None:
            self.arriving.body.break_off()

    def skip_body(self) -> None:
        """Note that a body went past the parser, which still waits for it: take a new one."""
        self.arriving = None
        self._parser = self._new_parser()

    # What the parser calls

    def on_message_begin(self) -> None:
        """See the first byte of a request."""
        self.arriving = self._head = Request()

    def on_url(self, url: bytes) -> None:
        """See the target, or a part of it."""
        if self._head is not None:
            self._head.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """See a header; trailers, which come after the body, mean nothing to anybody here."""
        head = self._head
        if head is None:
            return
        name = name.lower()
        head.headers.append((name, value))
        if name in FRAMING:
            head.note(name, value)

    def on_headers_complete(self) -> None:
        """Queue the request; its body may still be to come."""
        request, parser = self._head, self._parser
        assert request is not None
        self._head = None
        arrived, self._unproductive = self._unproductive, 0
        request.method = parser.get_method().decode("ascii")
        request.version = parser.get_http_version()
        upgrade = parser.should_upgrade()
        request.keep_alive = not upgrade and parser.should_keep_alive()
        if arrived > self._limits.header_bytes < request.head_size():
            raise RefusedError(HEAD_TOO_LARGE)
        request.check(wants_upgrade=upgrade)
        self.requests.append(request)

    def on_body(self, data: bytes) -> None:
        """See a part of the body."""
        self._unproductive = 0
        if self.arriving is not None and self.arriving.body is not None:
            self.arriving.body.feed(data)

    def on_message_complete(self) -> None:
        """See the end of the request."""
        if self.arriving is not None and self.arriving.body is not None:
            self.arriving.body.finish()
        self.arriving = None


def _refusal_for(error: httptools.HttpParserError) -> Refusal:
    """Tell whether llhttp refused, or we did in one of its calls, or there is a bug in one."""
    if not isinstance(error, httptools.HttpParserCallbackError):
        return bad_request(str(error))
    cause = error.__context__
    if isinstance(cause, RefusedError):
        return cause.refusal
    log.error("reading a request failed", exc_info=error)
    return bad_request("the server could not read it")
