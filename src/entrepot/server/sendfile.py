"""A file to a socket: the kernel copies, the loop only says when.

Invariant: what was promised is sent whole, or the connection is reset. A slow or stalled peer costs
a descriptor and a few objects: no thread, no buffer. Whether bytes must come from the disk first is
pagecache.py's question.
"""

import asyncio
import contextlib
import os
import socket

from entrepot.server.pagecache import is_cached, readers
from entrepot.server.wire import Wire

SMALL = 1 << 16
"""Up to this, a file's bytes are read and go out in one write with the head."""

STRIDE = 1 << 20
"""The most that one call of sendfile may move: other connections wait meanwhile."""

TLS_STRIDE = 1 << 18
"""How much is read, to be encrypted, at a time."""


async def send_file(wire: Wire, head: bytes, fd: int, offset: int, count: int) -> None:
    """Send `head` and then `count` bytes of a file; on any failure reset the connection."""
    try:
        if wire.tls or count <= SMALL:
            await _send_copies(wire, head, fd, offset, offset + count)
        else:
            await wire.flushed()
            await _Pump(wire, head, fd, offset, offset + count).run()
    except BaseException:
        wire.abort()
        raise


async def _send_copies(wire: Wire, head: bytes, fd: int, offset: int, end: int) -> None:
    """Read and write: for TLS, which must see the bytes, and for the little that fits one write."""
    while offset < end:
        data = await _read(wire, fd, min(TLS_STRIDE, end - offset), offset)
        if wire.transport.is_closing():
            raise ConnectionResetError("the peer has gone")
        if not data:
            raise EOFError("the file is shorter than was promised")
        wire.transport.write(head + data)
        head = b""
        offset += len(data)
        await wire.writable.wait()


async def _read(wire: Wire, fd: int, size: int, offset: int) -> bytes:
    if is_cached(fd, offset + size - 1):
        return os.pread(fd, size, offset)
    reading = wire.loop.run_in_executor(readers(), os.pread, fd, size, offset)
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        await asyncio.wait([reading])  # the caller is going to close the file
        raise


class _Pump:
    """Calls sendfile whenever the socket takes more: on the loop, or in a thread for cold bytes.

    A thread owns `_head` and `_offset` while it runs; nothing is closed before it is out of them.
    """

    def __init__(self, wire: Wire, head: bytes, fd: int, offset: int, end: int):
        self._wire = wire
        self._head = head
        self._fd = fd
        self._offset = offset
        self._end = end
        self._done: asyncio.Future[None] = wire.loop.create_future()
        self._thread: asyncio.Future[int | None] | None = None
        self._waiting_for_peer = False
        # Family and type are not used to send; given here, Python need not ask the kernel.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=wire.duplicate())

    async def run(self) -> None:
        """Send it all."""
        self._wire.on_lost = self._lost
        self._cork(True)
        try:
            self._step()  # an idle socket takes much, and the loop need not be asked
            await self._done
        finally:
            self._ask_peer(False)
            if self._thread is not None:
                await asyncio.wait([self._thread])
            self._wire.on_lost = None
            self._wire.sent()
            self._cork(False)
            self._socket.close()

    def _cork(self, corked: bool) -> None:
        """Send full packets only: else the head, and the odd end of each stride, get their own."""
        with contextlib.suppress(OSError):  # a Unix socket has no packets
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, corked)

    def _ask_peer(self, wanted: bool) -> None:
        """Have `_step` called when the socket takes more, or no longer."""
        if wanted is not self._waiting_for_peer:
            self._waiting_for_peer = wanted
            if wanted:
                self._wire.loop.add_writer(self._socket.fileno(), self._step)
            else:
                self._wire.loop.remove_writer(self._socket.fileno())

    def _step(self) -> None:
        """Send a stride; see to it that there is a next step."""
        if self._done.done() or self._thread is not None:
            return
        if is_cached(self._fd, min(self._offset + STRIDE, self._end) - 1):
            self._sent(self._attempt())
            self._ask_peer(not self._done.done())
        else:
            self._ask_peer(False)
            self._wire.sent()  # it is the disk that we wait for
            self._thread = self._wire.loop.run_in_executor(readers(), self._attempt)
            self._thread.add_done_callback(self._thread_done)

    def _thread_done(self, thread: "asyncio.Future[int | None]") -> None:
        self._thread = None
        if thread.cancelled() or self._done.done():
            return
        sent = thread.result()
        self._sent(sent)
        if sent is None:
            self._ask_peer(not self._done.done())
        else:
            self._step()

    def _attempt(self) -> int | None:
        """Send the rest of the head, then a stride of the file.

        Returns how much of the file went, -1 for an error, None where the socket took nothing.
        """
        try:
            if self._head:
                taken = self._socket.send(self._head)
                self._head = self._head[taken:]
                if self._head:
                    return None
            size = min(STRIDE, self._end - self._offset)
            sent = os.sendfile(self._socket.fileno(), self._fd, self._offset, size)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return -1
        self._offset += sent
        return sent

    def _sent(self, sent: int | None) -> None:
        """Note how an attempt went."""
        self._wire.progressed()
        if sent == 0:
            self._end_with(EOFError("the file is shorter than was promised"))
        elif sent == -1:
            self._end_with(ConnectionResetError("sending a file failed"))
        elif self._offset >= self._end:
            self._end_with(None)

    def _lost(self) -> None:
        self._end_with(ConnectionResetError("the peer has gone"))

    def _end_with(self, error: Exception | None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)
