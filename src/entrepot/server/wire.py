"""The connection below HTTP: flow control both ways, deadlines, and the ways to end it.

Invariant: at any time the peer is either not waited for, or waited for with a deadline.
"""

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import sys
import termios
from collections.abc import Callable
from enum import Enum

from entrepot.server.limits import Limits
from entrepot.server.sweeper import Sweeper

NEVER = float("inf")

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER on, for zero seconds."""

LINGER_SECONDS = 2.0
"""How long a refused upload is read and thrown away, so that its client sees the answer: closing
with unread bytes sends a reset, which can overtake the answer (RFC 9112 §9.6)."""

LINGER_BYTES = 16 << 20
"""How much is thrown away at most; the rest of the time the peer's bytes are left unread."""


class Awaited(Enum):
    """What the peer owes us."""

    NOTHING = "nothing"
    HEAD = "the rest of a request's headers"
    REQUEST = "the next request"
    BODY = "more of a request's body"
    END = "the end of a connection that we ended"


class Wire:
    """A transport with its deadlines."""

    __slots__ = (
        "_discarded",
        "_unsent",
        "awaited",
        "ending",
        "fd",
        "gone",
        "limits",
        "lingering",
        "loop",
        "on_lost",
        "read_deadline",
        "reading",
        "sweeper",
        "tls",
        "transport",
        "writable",
        "write_deadline",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        sweeper: Sweeper,
    ):
        self.transport = transport
        self.loop = loop
        self.limits = limits
        self.sweeper = sweeper
        self.tls = transport.get_extra_info("sslcontext") is not None
        self.fd: int = transport.get_extra_info("socket").fileno()
        self.reading = True
        self.lingering = False
        self.gone = False
        """The connection is lost: its descriptor may be somebody else's."""
        self.ending = False
        """No further request is served."""
        self.writable = asyncio.Event()
        self.writable.set()
        self.awaited = Awaited.NOTHING
        self.read_deadline = NEVER
        self.write_deadline = NEVER
        self.on_lost: Callable[[], None] | None = None
        """Called when the connection is gone, by whoever writes beside the transport."""
        self._unsent = 0
        self._discarded = 0

    # What the peer owes us

    def expect(self, what: Awaited, seconds: float = NEVER) -> None:
        """Wait for the peer no longer than this."""
        self.awaited = what
        self.read_deadline = self.sweeper.now + seconds

    def pause_reading(self) -> None:
        """Leave what the peer sends in the kernel."""
        if self.reading and not self.transport.is_closing():
            self.reading = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take what the peer sends."""
        if not self.reading and not self.transport.is_closing():
            self.reading = True
            self.transport.resume_reading()

    # What we owe the peer

    def pause_writing(self) -> None:
        """Note that the transport's buffer is full."""
        self.writable.clear()
        self.progressed()

    def resume_writing(self) -> None:
        """Note that the transport's buffer has room again."""
        self.writable.set()
        self.sent()

    def progressed(self) -> None:
        """Note that the peer has just taken something: it has all of send_timeout again."""
        self._unsent = self._owed()
        self.write_deadline = self.sweeper.now + self.limits.send_timeout

    def _owed(self) -> int:
        """Return how many bytes wait for the peer, here and in the kernel: megabytes may lie there
        and dwindle for minutes before the socket takes more."""
        if self.gone:
            return 0
        answer = fcntl.ioctl(self.fd, termios.TIOCOUTQ, bytes(4))
        return self.transport.get_write_buffer_size() + int.from_bytes(answer, sys.byteorder)

    def sent(self) -> None:
        """Note that we do not wait for the peer to take anything."""
        self.write_deadline = NEVER

    async def flushed(self) -> None:
        """Wait until the transport has nothing left to write: then others may write beside it."""
        if not self.transport.get_write_buffer_size():
            return
        self.transport.set_write_buffer_limits(high=0)  # calls pause_writing
        try:
            await self.writable.wait()
        finally:
            if not self.transport.is_closing():
                self.transport.set_write_buffer_limits()

    def stalled(self, now: float) -> bool:
        """Whether the peer has taken nothing since the write deadline was set."""
        if now < self.write_deadline:
            return False
        if self._owed() >= self._unsent:
            return True
        self.progressed()
        return False

    # A second descriptor, for work beside the transport

    def duplicate(self) -> int:
        """Return a descriptor of our own for the socket; never make it blocking: its flags are
        the transport's too."""
        if self.gone or self.transport.is_closing():  # the number may soon be another's
            raise ConnectionResetError("the peer has gone")
        return os.dup(self.fd)

    # The end

    def lost(self) -> None:
        """Let go whoever waits for the peer."""
        self.ending = self.gone = True
        self.expect(Awaited.NOTHING)
        self.writable.set()
        self.sent()
        if self.on_lost is not None:
            self.on_lost()

    def close(self) -> None:
        """Close when everything is sent, or when the peer no longer takes it."""
        self.ending = True
        closing = self.transport.is_closing()
        if not closing:  # a TLS transport that is closed twice forgets its protocol
            self.transport.close()
        if not closing and self.transport.get_write_buffer_size():
            self.progressed()
        elif self.tls:  # its closing waits for the peer's, which an idle client does not send
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def abort(self) -> None:
        """Reset the connection: what was sent of a body must not look finished.

        A plain close would end the stream in order once the kernel has sent what it holds, which
        is how HTTP/1.0 marks a whole body.
        """
        if self.gone:
            return
        self.ending = True
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, os.dup(self.fd)) as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()

    def linger(self) -> None:
        """Say that we are done, and give the peer a moment to hear it."""
        if self.transport.is_closing():
            return
        self.ending = self.lingering = True
        self.expect(Awaited.END, LINGER_SECONDS)
        self.resume_reading()
        with contextlib.suppress(OSError):  # the peer may be gone before we have been told
            if self.transport.can_write_eof():
                self.transport.write_eof()

    def discard(self, size: int) -> None:
        """Throw away what came while lingering."""
        self._discarded += size
        if self._discarded > LINGER_BYTES:
            self.pause_reading()
