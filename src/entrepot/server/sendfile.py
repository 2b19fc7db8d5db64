"""A file to a socket: the kernel copies, the loop only says when.

Invariant: what was promised is sent whole, or the connection is reset. A slow or stalled peer costs
a descriptor and a few objects: no thread, no buffer. Whether bytes must come from the disk first is
pagecache.py's question.
"""

import asyncio
import os
import socket

from entrepot.server.pagecache import Lookahead
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
    cached = asyncio.Event()
    ahead = Lookahead(wire.loop, fd, offset, end, cached.set)
    while offset < end:
        while not ahead.look(offset):
            await cached.wait()
            cached.clear()
        data = os.pread(fd, min(TLS_STRIDE, end - offset), offset)
        if wire.transport.is_closing():
            raise ConnectionResetError("the peer has gone")
        if not data:
            raise EOFError("the file is shorter than was promised")
        wire.transport.write(head + data)
        head = b""
        offset += len(data)
        await wire.writable.wait()


class _Pump:
    """Calls sendfile whenever the socket takes more and the page cache has more."""

    def __init__(self, wire: Wire, head: bytes, fd: int, offset: int, end: int):
        self._wire = wire
        self._head = head
        self._fd = fd
        self._offset = offset
        self._end = end
        self._ahead = Lookahead(wire.loop, fd, offset, end, self._resume)
        self._done: asyncio.Future[None] = wire.loop.create_future()
        self._waiting_for_peer = False
        # Family and type are not used to send; given here, Python need not ask the kernel.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=wire.duplicate())

    async def run(self) -> None:
        """Send it all."""
        self._wire.on_lost = self._lost
        try:
            self._resume()
            await self._done
        finally:
            self._pause()
            self._wire.on_lost = None
            self._socket.close()

    def _resume(self) -> None:
        """Try at once; an idle socket takes much, and the loop need not be asked."""
        if self._done.done():
            return
        self._wire.progressed()
        self._step()
        if not self._done.done() and self._ahead.look(self._offset):
            self._waiting_for_peer = True
            self._wire.loop.add_writer(self._socket.fileno(), self._step)

    def _pause(self) -> None:
        """Ask for nothing of the peer: we are done, or waiting for the disk."""
        if self._waiting_for_peer:
            self._waiting_for_peer = False
            self._wire.loop.remove_writer(self._socket.fileno())
        self._wire.sent()

    def _step(self) -> None:
        if not self._ahead.look(self._offset):
            self._pause()
            return
        try:
            sent = self._send()
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end_with(ConnectionResetError(f"sending a file failed: {error}"))
            return
        self._wire.progressed()
        if sent == 0:
            self._end_with(EOFError("the file is shorter than was promised"))
        elif self._offset >= self._end:
            self._end_with(None)

    def _send(self) -> int:
        """Send the rest of the head, then a stride of the file; return how much of the latter."""
        if self._head:
            # MSG_MORE: the head waits in the kernel to share a packet with the first bytes.
            taken = self._socket.send(self._head, socket.MSG_MORE)
            self._head = self._head[taken:]
            if self._head:
                raise BlockingIOError
        stop = min(self._ahead.cached_to, self._end, self._offset + STRIDE)
        out = self._socket.fileno()
        sent = os.sendfile(out, self._fd, self._offset, stop - self._offset)
        self._offset += sent
        return sent

    def _lost(self) -> None:
        self._end_with(ConnectionResetError("the peer has gone"))

    def _end_with(self, error: Exception | None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)
