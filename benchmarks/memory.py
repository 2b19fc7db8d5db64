"""Memory: what clients that stop in the middle cost, and what is left after everything."""

import socket
import struct
import time
from collections.abc import Callable

from .content import Content
from .server import Server
from .stock import REPOSITORY
from .transfers import OCTETS
from .wire import Connection

CLIENTS = 64
SENT = 4 << 20
"""Bytes of its body that a client sends before it stops."""
SETTLE = 1.5
"""Seconds between the last byte and the reading."""
FULL = 2
"""Seconds after which a send counts as stalled too: the server has stopped reading."""


def stalled_downloads(server: Server, path: str) -> dict[str, float]:
    """Measure what clients cost that ask for a large blob and read nothing."""

    def stall(connection: Connection) -> None:
        connection.socket.sendall(connection.head("GET", path))

    return _stalled(server, stall)


def stalled_uploads(server: Server, content: Content) -> dict[str, float]:
    """Measure what clients cost that announce a large body and send its first MiB only."""
    beginning = bytes(SENT)
    length = f"{OCTETS}content-length: {content.size}\r\n"
    uploads = f"/v2/{REPOSITORY}/blobs/uploads/"

    def stall(connection: Connection) -> None:
        opened = connection.request("POST", uploads, body=b"").require(202)
        limit = struct.pack("ll", FULL, 0)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        connection.socket.sendall(connection.head("PATCH", opened.location, length))
        try:
            connection.socket.sendall(beginning)
        except BlockingIOError:
            return

    return _stalled(server, stall)


def idle(server: Server) -> dict[str, float]:
    """Measure what the server holds when nobody asks anything."""
    time.sleep(SETTLE)
    now = server.memory()
    return {"mb": now.rss / 1e6, "pss_mb": now.pss / 1e6}


def restart(server: Server) -> dict[str, float]:
    """Measure the time from the process's start to its first answer, on the data it has."""
    server.stop()
    return {"seconds": server.start()}


def _stalled(server: Server, stall: Callable[[Connection], None]) -> dict[str, float]:
    time.sleep(SETTLE)
    before = server.memory()
    connections: list[Connection] = []
    try:
        for _ in range(CLIENTS):
            connections.append(server.connect())
            stall(connections[-1])
        time.sleep(SETTLE)
        after = server.memory()
    finally:
        for connection in connections:
            connection.close()
    return {"mb": (after.rss - before.rss) / 1e6, "pss_mb": (after.pss - before.pss) / 1e6}
