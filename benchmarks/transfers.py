"""Large blobs, up and down. The generator neither copies what it sends nor what it receives.

Downloads are discarded in the kernel (MSG_TRUNC); `verify` reads them properly, unmeasured.
"""

import hashlib
import socket
from functools import partial

from .content import Content, Variant
from .meter import Window, together
from .server import Server
from .wire import Connection

OCTETS = "content-type: application/octet-stream\r\n"
BUFFER = 1 << 22
REPEATS = 3
"""Downloads one after another on each connection of a measurement."""


def download(server: Server, path: str, size: int, *, at_once: int, cold: bool) -> dict[str, float]:
    """Measure downloads of `size` bytes each; warm ones after one that nobody counts."""
    repeats = 1 if cold else REPEATS
    if cold:
        server.cool()
    else:
        fetch(server.port, path, size)
    work = partial(fetch, server.port, path, size, repeats=repeats)
    return together(server, [work] * at_once).transfer(size * repeats * at_once)


def upload(server: Server, content: Content, *, at_once: int, chunked: bool) -> Window:
    """Push distinct blobs, each on its connection; then, outside the window, delete their files."""
    connections = [server.connect() for _ in range(at_once)]
    works = [
        partial(push, each, "bench/pushed", content, content.variant(), chunked=chunked)
        for each in connections
    ]
    try:
        return together(server, works)
    finally:
        for each in connections:
            each.close()
        server.sweep()


def push(
    connection: Connection, repository: str, content: Content, variant: Variant, *, chunked: bool
) -> None:
    """Push one blob: POST and PUT (containerd), or with a chunked PATCH between them (docker)."""
    opened = connection.request("POST", f"/v2/{repository}/blobs/uploads/", body=b"").require(202)
    if not chunked:
        length = f"{OCTETS}content-length: {content.size}\r\n"
        path = finish(opened.location, variant.digest)
        connection.socket.sendall(connection.head("PUT", path, length), socket.MSG_MORE)
        content.send(connection.socket, variant)
        connection.answer().require(201)
        return
    framing = f"{OCTETS}transfer-encoding: chunked\r\n"
    connection.socket.sendall(connection.head("PATCH", opened.location, framing), socket.MSG_MORE)
    content.send_chunked(connection.socket, variant)
    patched = connection.answer().require(202)
    path = finish(patched.location, variant.digest)
    connection.request("PUT", path, body=b"").require(201)


def finish(location: str, digest: str) -> str:
    """Return where an upload is closed under its digest."""
    return f"{location}{'&' if '?' in location else '?'}digest={digest}"


def fetch(port: int, path: str, size: int, *, repeats: int = 1, verify: str = "") -> None:
    """Download a blob; with `verify` compare it to that digest."""
    buffer = bytearray(BUFFER)
    with Connection(port) as connection:
        for _ in range(repeats):
            connection.socket.sendall(connection.head("GET", path))
            status, headers = connection.answer_head()
            length = int(headers.get("content-length", -1))
            if status != 200 or length != size:
                raise RuntimeError(f"GET {path}: status {status}, {length} bytes")
            if not verify:
                _discard(connection, size, buffer)
            elif (found := _hash(connection, size)) != verify:
                raise RuntimeError(f"GET {path}: its content is {found}")


def _discard(connection: Connection, size: int, buffer: bytearray) -> None:
    left = size - len(connection.reader.read(min(size, len(connection.reader.peek()))))
    while left:
        count = connection.socket.recv_into(buffer, min(left, BUFFER), socket.MSG_TRUNC)
        if not count:
            raise ConnectionError(f"the server closed the connection {left} bytes too early")
        left -= count


def _hash(connection: Connection, size: int) -> str:
    found = hashlib.sha256()
    while size:
        data = connection.reader.read1(min(size, BUFFER))
        if not data:
            raise ConnectionError(f"the server closed the connection {size} bytes too early")
        found.update(data)
        size -= len(data)
    return f"sha256:{found.hexdigest()}"
