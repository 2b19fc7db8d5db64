"""One clock for all connections of a process: time-outs, and the default headers as bytes.

A timer for each request would cost more than many an answer; looking at every connection now and
then costs next to nothing.
"""

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary

from uvicorn.server import ServerState

from entrepot.server.asgi import Headers

_SOON = 0.05
"""Seconds in which what lies there is read."""


class Sweepable(Protocol):
    """What the sweeper looks at."""

    def sweep(self, now: float) -> None:
        """End what has taken too long."""


class Sweeper:
    """Calls `sweep` of every connection at an interval, as long as there are any."""

    def __init__(self, loop: asyncio.AbstractEventLoop, interval: float):
        self.now = loop.time()
        """The loop's time, at most an interval old; good enough for deadlines, and free."""
        self._interval = interval
        self._loop = loop
        self._connections: set[Sweepable] = set()
        self._running = False
        self._late = False
        """This process stood still itself: what has come meanwhile is read before anyone is blamed
        for having sent nothing.
        """
        self._headers: Headers | None = None
        self._lines = b""

    def watch(self, connection: Sweepable) -> None:
        """Look after a connection from now on."""
        self._connections.add(connection)
        if not self._running:
            self._running = True
            self.now = self._loop.time()
            self._loop.call_later(self._interval, self._tick)

    def forget(self, connection: Sweepable) -> None:
        """Stop looking after a connection."""
        self._connections.discard(connection)

    def lines(self, headers: Headers) -> bytes:
        """Return uvicorn's default headers as lines; it makes a new list each second."""
        if headers is not self._headers:
            self._headers = headers
            self._lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._lines

    def _tick(self) -> None:
        before, self.now = self.now, self._loop.time()
        self._late = not self._late and self.now - before > 2 * self._interval
        if not self._late:
            for connection in list(self._connections):
                connection.sweep(self.now)
        self._running = bool(self._connections)
        if self._running:
            self._loop.call_later(_SOON if self._late else self._interval, self._tick)


_sweepers: WeakKeyDictionary[ServerState, Sweeper] = WeakKeyDictionary()


def sweeper_of(state: ServerState, loop: asyncio.AbstractEventLoop, interval: float) -> Sweeper:
    """Return the one sweeper of a server."""
    sweeper = _sweepers.get(state)
    if sweeper is None:
        sweeper = _sweepers[state] = Sweeper(loop, interval)
    return sweeper
