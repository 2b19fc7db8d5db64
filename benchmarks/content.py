"""A large body in memory, of which every push sends a variant of its own.

Variants differ in their last bytes, so a digest costs the hash of those only, and the rest goes
to the socket by sendfile: the generator stays cheap beside the server that it measures.
"""

import hashlib
import itertools
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

PIECE = 1 << 24
CHUNK = 32 * 1024
"""Bytes in a chunk of a chunked body: what Go's io.Copy, so docker push, sends."""
TAIL = 4096
"""Bytes at the end that make a variant."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One body: its last bytes and the digest of the whole."""

    tail: bytes
    digest: str


class Content:
    """Random bytes in memory files: plain, and framed as the chunks of a chunked body."""

    def __init__(self, size: int) -> None:
        if size % CHUNK:
            raise ValueError(f"{size} is not a multiple of {CHUNK}")
        self.size = size
        self._hash = hashlib.sha256()
        self._numbers = itertools.count()
        self._plain = os.memfd_create("plain")
        self._framed = os.memfd_create("framed")
        for piece in self._random(size - TAIL):
            self._hash.update(piece)
            _write(self._plain, piece)
            _write(self._framed, b"".join(_frames(piece)))

    def variant(self) -> Variant:
        """Return a body that no one has seen before."""
        tail = next(self._numbers).to_bytes(8, "big") + os.urandom(TAIL - 8)
        whole = self._hash.copy()
        whole.update(tail)
        return Variant(tail, f"sha256:{whole.hexdigest()}")

    def send(self, target: socket.socket, variant: Variant) -> None:
        """Send it as a body of Content-Length `size`."""
        _copy(self._plain, target.fileno())
        target.sendall(variant.tail)

    def send_chunked(self, target: socket.socket, variant: Variant) -> None:
        """Send it as a chunked body, to its end."""
        _copy(self._framed, target.fileno())
        target.sendall(b"".join(_frames(variant.tail)) + b"0\r\n\r\n")

    def save(self, descriptor: int, variant: Variant) -> None:
        """Write it to a file."""
        _copy(self._plain, descriptor)
        _write(descriptor, variant.tail)

    @staticmethod
    def _random(size: int) -> Iterator[bytes]:
        for begin in range(0, size, PIECE):
            yield os.urandom(min(PIECE, size - begin))


def _frames(data: bytes) -> Iterator[bytes]:
    for begin in range(0, len(data), CHUNK):
        part = data[begin : begin + CHUNK]
        yield f"{len(part):x}\r\n".encode()
        yield part
        yield b"\r\n"


def _copy(source: int, target: int) -> None:
    offset, end = 0, os.fstat(source).st_size
    while offset < end:
        offset += os.sendfile(target, source, offset, end - offset)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
