"""One request and its answer: the `receive` and `send` that the app sees.

Invariant: an answer that did not end as it promised never looks finished; nothing reached the peer
yet, or its connection is reset. What the app may call besides: sendfile.py, intake.py.
"""

import asyncio
import os
from typing import TYPE_CHECKING

from entrepot.server.answer import Answer
from entrepot.server.asgi import App, Message, Scope, Sink
from entrepot.server.body import Body
from entrepot.server.inbox import log
from entrepot.server.intake import Intake
from entrepot.server.refusal import APP_FAILED, Refusal
from entrepot.server.request import Request
from entrepot.server.sendfile import send_file
from entrepot.server.wire import Awaited

if TYPE_CHECKING:
    from entrepot.server.protocol import RegistryProtocol

SMALL_REST = 1 << 16
"""A rest of a body that nobody wants, up to this, is read to keep the connection."""

JOINED = 1 << 16
"""Up to this much body is joined to the head for one write; more costs more to copy."""

SLICE = 1 << 18
"""The most that goes to the transport at a time: it may copy what the peer does not take."""


class Exchange:
    """One request on its way through the app."""

    # Defaults of the class: one exchange is made for each request.
    done = False
    disconnected = False
    task: asyncio.Task[None] | None = None
    _expects_continue = False
    _answer: Answer | None = None
    _head = b""
    _written = False
    """Something of the answer may have reached the peer."""

    def __init__(self, protocol: "RegistryProtocol", request: Request, scope: Scope):
        self.request = request
        self.scope = scope
        self.body = request.body or Body(0)
        self._protocol = protocol
        self._wire = protocol.wire
        if request.expects_continue and request.body is not None and request.version == "1.1":
            self._expects_continue = True

    # The app's life

    async def run(self, app: App) -> None:
        """Run the app; whatever it does, the exchange ends in a way that the peer understands."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            if self._protocol.closing:  # the server stops, and waits for nobody any longer
                self._wire.abort()
            self._fail()
        except BaseException as error:  # noqa: BLE001 (nobody further out could answer)
            if not (isinstance(error, OSError) and self._peer_is_to_blame):
                log.error("the app failed", exc_info=error)
            self._fail()
        else:
            if not (self.done or self._peer_is_to_blame):
                log.error("the app returned without completing its answer")
            self._fail()
        finally:
            if self.task is not None:
                self._protocol.tasks.discard(self.task)

    @property
    def _peer_is_to_blame(self) -> bool:
        return self.disconnected or self.body.cut

    def _fail(self) -> None:
        if self.done or self.disconnected:
            return
        if self._written or self._wire.ending:
            self.done = True
            self._wire.abort()
        else:
            self.refuse(self._protocol.inbox.broken if self.body.cut else None)

    def refuse(self, refusal: Refusal | None) -> None:
        """Give the server's own answer instead of the app's."""
        self._protocol.refuse(refusal or APP_FAILED, self.request)
        self._finish(keep_alive=False)

    def lost(self) -> None:
        """Note that the connection is gone."""
        self.disconnected = True
        self.body.break_off()

    def _finish(self, *, keep_alive: bool) -> None:
        self.done = True
        self.body.wake()
        self._protocol.finished(self, keep_alive=keep_alive)

    # The request's body

    async def receive(self) -> Message:
        """ASGI's receive. A body that was cut ends in http.disconnect, never in more_body=False."""
        body = self.body
        if body.handed_out:
            while not (self.done or self.disconnected):
                self._protocol.resume_reading()
                await body.change()
            return {"type": "http.disconnect"}
        self.send_continue()
        while not (body.size or body.ended or self.done):
            await self.more()
        if body.cut or self.done:
            return {"type": "http.disconnect"}
        body.handed_out = body.complete
        data = b"".join(body.take())
        return {"type": "http.request", "body": data, "more_body": not body.complete}

    async def more(self) -> None:
        """Wait until more of the body has come, it has ended, or it has been cut."""
        self._wire.resume_reading()
        self._wire.expect(Awaited.BODY, self._wire.limits.body_timeout)
        try:
            await self.body.change()
        finally:
            self._wire.expect(Awaited.NOTHING)

    def send_continue(self) -> None:
        """Ask for the body, if the peer waits to be asked; done at the first read, not before, so
        that an app that refuses never lets it start (RFC 9110 §10.1.1)."""
        if self._expects_continue and not self._written and self.body.arrived == 0:
            self._wire.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._expects_continue = False

    async def receive_into(self, write: Sink) -> int:
        """Move the rest of the body into `write` (the extension entrepot.receive_into).

        `write` is called by one thread at a time, with pieces whose lengths, but for the last, are
        multiples of 4096: whole MiB at page-aligned addresses when the peer is fast. What it raises
        is raised here. Returns the number of bytes; raises ConnectionResetError for a cut body,
        after all that had arrived has been written.
        """
        self.send_continue()
        moved = await Intake(self, self._wire, self._protocol.inbox, write).run()
        self.body.handed_out = True
        return moved

    # The answer

    async def send(self, message: Message) -> None:
        """ASGI's send, with the extension http.response.zerocopysend."""
        if self.disconnected:
            raise ConnectionResetError("the peer has gone")
        kind = message["type"]
        if kind == "http.response.start":
            self._start(message)
            return
        answer = self._answer
        if answer is None or self.done:
            raise RuntimeError(f"unexpected ASGI message {kind!r}")
        more = message.get("more_body", False)
        if kind == "http.response.body":
            data: bytes | memoryview = answer.frame(message.get("body", b""), more=more)
            if len(data) > SLICE:
                data = await self._write_slices(memoryview(data))
            self._write(data)
            if not self._wire.writable.is_set():  # also at the end: until then it is under way
                await self._caught_up()
        elif kind == "http.response.zerocopysend":
            await self._send_file(answer, message, more)
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}")
        if not more:
            self._finish(keep_alive=answer.keep_alive)

    def _start(self, message: Message) -> None:
        """Make the head; it is sent together with the first of the body."""
        if self._answer is not None or self.done:
            raise RuntimeError("the app started its answer twice")
        answer = Answer(
            message,
            self.request,
            keep_alive=self._may_keep_alive(),
            defaults=self._protocol.default_lines,
        )
        self._answer = answer
        self._head = answer.head

    def _may_keep_alive(self) -> bool:
        """Whether the next request can be found: not behind a large body that nobody reads."""
        body = self.body
        if self._protocol.closing or not self.request.keep_alive:
            return False
        if body.complete:
            return True
        if body.bypassed or body.cut or self._expects_continue or body.to_come is None:
            return False
        return body.to_come <= SMALL_REST

    def _write(self, data: bytes | memoryview) -> None:
        head, self._head = self._head, b""
        if head:
            self._written = True
            if len(data) <= JOINED:
                data = head + data
            else:
                self._wire.transport.write(head)
        if data:
            self._wire.transport.write(data)

    async def _write_slices(self, data: memoryview) -> memoryview:
        """Write all but the last slice, each when the peer has taken the one before."""
        while len(data) > SLICE:
            self._write(data[:SLICE])
            data = data[SLICE:]
            await self._caught_up()
        return data

    async def _caught_up(self) -> None:
        await self._wire.writable.wait()
        if self._wire.transport.is_closing():  # a failed write: connection_lost is called later
            self.lost()
            raise ConnectionResetError("the peer has gone")

    async def _send_file(self, answer: Answer, message: Message, more: bool) -> None:
        fd: int = message["file"].fileno()
        offset = message.get("offset")
        start = os.lseek(fd, 0, os.SEEK_CUR) if offset is None else offset
        count = message.get("count")
        if count is None:
            count = max(0, os.fstat(fd).st_size - start)
        if offset is None:
            os.lseek(fd, start + count, os.SEEK_SET)
        before, after = answer.frame_around(count, more=more) if not answer.silent else (b"", b"")
        head, self._head = self._head, b""
        if answer.silent or not count:
            self._wire.transport.write(head + after)
            return
        self._written = True
        await send_file(self._wire, head + before, fd, start, count)
        if after:
            self._wire.transport.write(after)
