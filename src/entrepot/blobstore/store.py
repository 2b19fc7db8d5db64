"""`Store`: what every place for large blobs can do. Next: `blobstore.disk`, `blobstore.objects`.

Methods block, unless they say otherwise: call them in a thread.
"""

import errno
import hashlib
import io
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from entrepot.oci.digest import Digest, Hasher
from entrepot.oci.ranges import Span

RESERVE = 32 * 1024 * 1024
"""Bytes of a disk that are left free for the database, by whoever fills it with blobs."""


def has_room(folder: Path, size: int = 0) -> bool:
    """Whether a disk keeps that much free when so many bytes more have come."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= size + RESERVE


class StoreError(OSError):
    """A store does not do what it is asked to; the message says why, and has no secret in it."""


class RefusedError(StoreError):
    """Nor will it before something is changed: credentials, rights, a name, an option."""


def lacking(place: object) -> RefusedError:
    """What is raised where the packages are not installed that reach a store of objects."""
    return RefusedError(f"{place} wants more packages: pip install 'entrepot[objects]'")


def is_damage(error: OSError) -> bool:
    """Whether an error tells that bytes are lost, rather than of who asks, or when."""
    bad = (errno.EIO, errno.EISDIR, errno.ENOENT)
    return not isinstance(error, StoreError) and error.errno in bad


class Piece(Protocol):
    """What the database says of an object (`db.pieces`)."""

    @property
    def name(self) -> str:
        """Of the object: 32 digits of base 16."""

    @property
    def size(self) -> int:
        """Bytes of the blob that it holds."""

    @property
    def key(self) -> str | None:
        """The key that it is encrypted by; see `blobstore.encrypted`, others need not know."""

    @property
    def data_key(self) -> bytes | None:
        """Its own key, wrapped by that one."""


class Part(Protocol):
    """An object while it is written, from its beginning, by one writer."""

    size: int
    """Bytes so far."""
    sealed: bool
    """Whether a power cut would lose nothing of it."""
    hasher: Hasher | None

    def write(self, piece: memoryview) -> None:
        """Append. What is larger than a few blocks should be aligned to them in memory."""

    def reader(self) -> io.FileIO | None:
        """A file in which what was written can be read already; None where there is none."""

    def seal(self) -> None:
        """End the object; make what was written, and its name, durable."""

    def drop(self) -> None:
        """Give back at once the room that was taken."""

    def close(self) -> None:
        """Let go; what was not sealed may be gone."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Signed:
    """A URL by which whoever has it may read an object for some minutes."""

    url: str
    until: float
    """By `time.monotonic`, how long it may be handed out: then there is enough left to begin."""


@dataclass(slots=True)
class Source:
    """Bytes on their way out: spans of files, one after the other, or a stream."""

    size: int
    files: list[tuple[io.FileIO, Span]] = field(default_factory=list)
    stream: AsyncIterator[bytes | memoryview] | None = None
    """Where there is one it has all the bytes; the files are then only to be closed."""
    growing: AsyncIterator[Span] | None = None
    """Where there is one, the first file is being written, and this says what can be sent of it."""

    def close(self) -> None:
        """Give the files back."""
        for file, _ in self.files:
            file.close()


class Store(Protocol):
    """Objects with names of their own, written once."""

    @property
    def near(self) -> bool:
        """Whether asking costs next to nothing, so that it is looked whether a blob is there
        before a client is told that it is.
        """

    def prepare(self) -> None:
        """Make what is missing, durably. Raises OSError where the store cannot be used."""

    def part(self, piece: Piece, hasher: Hasher | None, coming: int | None = None) -> Part:
        """Begin an object, hashing what is written to it.

        `coming` are the bytes that will be written, where that is known.
        """

    async def open(self, pieces: Sequence[Piece], span: Span) -> Source:
        """A span of the bytes that lie in these pieces, one after the other.

        Raises FileNotFoundError where one is missing.
        """

    async def url(self, pieces: Sequence[Piece]) -> Signed | None:
        """Where a client gets these bytes without us; None where it cannot. Raises StoreError."""

    async def holds(self, pieces: Sequence[Piece]) -> bool:
        """Whether all of them are there, and as long as they should be."""

    def read(self, piece: Piece, span: Span) -> Iterator[memoryview]:
        """A span of a piece's bytes, in strides, each of which is good until the next one.

        Raises FileNotFoundError where it is missing, EOFError where it ends before.
        """

    def peek(self, name: str) -> io.FileIO | None:
        """What has been written by now of an object, whoever writes it; it may be of an object that
        nobody went on with. None where a store shows nothing before its end.
        """

    def size(self, piece: Piece) -> int | None:
        """Bytes of the blob in a piece, as many as really lie there; None where it is missing."""

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects; one that has gone already is no error."""

    def objects(self) -> Iterator[tuple[str, int]]:
        """Names and sizes of all objects, by name; some may come and go meanwhile."""

    def abandon(self, seconds: float, is_open: Callable[[str], bool]) -> int:
        """Take away what killed processes left of objects that they began so long ago, and that
        nobody says are open; of how many.
        """

    async def trouble(self) -> str | None:
        """Why the store cannot be used now; None where it can."""


def digest_of(store: Store, pieces: Sequence[Piece], algorithm: str) -> Digest:
    """The digest of what really lies in some pieces; reads it all. Raises OSError, EOFError."""
    found = hashlib.new(algorithm)
    for piece in pieces:
        for part in store.read(piece, Span(0, piece.size)):
            found.update(part)
    return Digest(algorithm, found.hexdigest())


def parts_of(pieces: Sequence[Piece], span: Span) -> Iterator[tuple[Piece, Span]]:
    """What each piece has of a span of them all."""
    start = 0
    for piece in pieces:
        stop = start + piece.size
        if span.start < stop and start < span.stop:
            inner = Span(max(span.start, start) - start, min(span.stop, stop) - start)
            yield piece, inner
        start = stop
