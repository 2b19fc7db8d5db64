"""`Link`: a stretch of network between a replica and what it needs, that a test can cut.

A TCP proxy on loopback. Cut, it closes what is open and refuses what comes, as a host that went
down does; silent, it keeps connections and moves no byte, as a firewall that drops.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

_PIECE = 1 << 16
_RESETS = struct.pack("ii", 1, 0)
"""SO_LINGER of a socket whose close is a reset."""


class Link:
    """Listens on a loopback port of its own, or one of `host`, and forwards to another one."""

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self.port = 0
        self._host = host
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._cut = False

    def cut(self) -> None:
        """Reset every connection, and refuse new ones."""
        self._cut = True
        self._call(self._reset)

    def silence(self) -> None:
        """Move nothing any more, and close nothing."""
        self._call(self._flowing.clear)

    def mend(self) -> None:
        """Be a network again; what was held back goes on its way."""
        self._cut = False
        self._call(self._flowing.set)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def _call(self, function: Callable[[], None]) -> None:
        async def work() -> None:
            function()

        self._run(work())

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        self._reset()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.sleep(0)  # who came just now begins, and so closes what was opened
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _reset(self) -> None:
        for writer in self._open:
            end = writer.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETS)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it or the link does."""
        ends = {writer}
        self._open.add(writer)
        try:
            await self._flowing.wait()
            if self._cut:
                return
            their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._target)
            ends.add(their_writer)
            self._open.add(their_writer)
            there = self._move(reader, their_writer)
            await asyncio.gather(there, self._move(their_reader, writer))
        except OSError:
            pass  # nobody listens there, or one of the two has gone
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _move(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(_PIECE):
            await self._flowing.wait()
            sink.write(piece)
            await sink.drain()
        with contextlib.suppress(OSError):
            sink.write_eof()
