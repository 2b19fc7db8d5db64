"""`EncryptedStore`: any store, where the objects of pieces that have a data key lie encrypted.

Whoever writes and reads sees the blob's bytes alone: sizes, spans and hashes are of those. What
the store behind it sees is segments (`encryption.segments`). Pieces without a key, from before
there was one, pass as they are.
"""

import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass

from entrepot.blobstore.decrypted import STEP, Bytes, from_file, from_stream, joined, plain
from entrepot.blobstore.encrypted_part import EncryptedPart
from entrepot.blobstore.part import Writers
from entrepot.blobstore.store import Part, Piece, Signed, Source, Store, parts_of
from entrepot.encryption import segments
from entrepot.encryption.keys import EncryptionError, Keyring
from entrepot.encryption.segments import STRIDE, DataKey, Opener, stretches
from entrepot.oci.digest import Hasher
from entrepot.oci.ranges import Span


@dataclass(frozen=True, slots=True)
class _Stored:
    """A piece as the store behind sees it."""

    name: str
    size: int
    key: str | None = None
    data_key: bytes | None = None


class EncryptedStore:
    """Encrypts and decrypts on the way to and from another store."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self.keyring = keyring
        self._store = store
        self._writers = Writers()

    @property
    def near(self) -> bool:
        """Whether asking costs next to nothing."""
        return self._store.near

    def prepare(self) -> None:
        """Make what is missing."""
        self._store.prepare()

    def part(self, piece: Piece, hasher: Hasher | None, coming: int | None = None) -> Part:
        """Begin an object. Raises `EncryptionError`."""
        if piece.key is None:
            return self._store.part(piece, hasher, coming)
        key = self._data_key(piece)
        stored = None if coming is None else segments.stored_size(coming)
        inner = self._store.part(_Stored(piece.name, 0), None, stored)
        return EncryptedPart(inner, key, hasher, self._writers)

    def _data_key(self, piece: Piece) -> DataKey:
        assert piece.key is not None
        assert piece.data_key is not None
        return DataKey.unwrap(self.keyring.find(piece.key), piece.name, piece.data_key)

    async def open(self, pieces: Sequence[Piece], span: Span) -> Source:
        """A stream, where anything of it lies encrypted. Raises `EncryptionError`."""
        parts = list(parts_of(pieces, span))
        if all(piece.key is None for piece, _ in parts):
            return await self._store.open(pieces, span)
        found = Source(len(span))
        streams: list[AsyncIterator[Bytes]] = []
        try:
            for piece, inner in parts:
                streams.append(await self._opened(piece, inner, found))
        except BaseException:
            found.close()
            raise
        found.stream = joined(streams)
        return found

    async def _opened(self, piece: Piece, span: Span, found: Source) -> AsyncIterator[Bytes]:
        """The bytes of one piece; what `found` must close in the end is added to it."""
        if piece.key is None:
            source = await self._store.open([piece], span)
            found.files += source.files
            return source.stream or plain(source)
        opener = Opener(self._data_key(piece), piece.size)
        parts = stretches(span.start, span.stop, piece.size, STEP)
        lies = Span(*segments.stored_span(span.start, span.stop, piece.size))
        source = await self._store.open([_stored(piece)], lies)
        found.files += source.files
        if source.stream is None:
            ((file, _),) = source.files
            return from_file(file, opener, parts)
        return from_stream(source.stream, opener, parts)

    def read(self, piece: Piece, span: Span) -> Iterator[memoryview]:
        """A span of a piece's bytes. Raises `EncryptionError`."""
        if piece.key is None:
            yield from self._store.read(piece, span)
            return
        opener = Opener(self._data_key(piece), piece.size)
        room = memoryview(bytearray(STRIDE))
        for part in stretches(span.start, span.stop, piece.size):
            stored = b"".join(self._store.read(_stored(piece), Span(part.start, part.stop)))
            yield opener.open(part, memoryview(stored), room)

    async def url(self, pieces: Sequence[Piece]) -> Signed | None:
        """None for what a client could not decrypt."""
        if any(piece.key is not None for piece in pieces):
            return None
        return await self._store.url(pieces)

    async def holds(self, pieces: Sequence[Piece]) -> bool:
        """Whether all of them are there, as long as they should be, and have their keys here."""
        if not all(self._has_key(piece) for piece in pieces):
            return False
        return await self._store.holds([_stored(piece) for piece in pieces])

    def _has_key(self, piece: Piece) -> bool:
        try:
            return piece.key is None or bool(self._data_key(piece))
        except EncryptionError:
            return False

    def peek(self, name: str) -> io.FileIO | None:
        """As it lies there: of use to whoever knows that it is not encrypted."""
        return self._store.peek(name)

    def size(self, piece: Piece) -> int | None:
        """Bytes of content."""
        found = self._store.size(piece)
        return found if found is None or piece.key is None else segments.content_size(found)

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects."""
        self._store.delete(names)

    def objects(self) -> Iterator[tuple[str, int]]:
        """Names of all objects, and the bytes that they take."""
        return self._store.objects()

    def abandon(self, seconds: float, is_open: Callable[[str], bool]) -> int:
        """Take away what killed processes left."""
        return self._store.abandon(seconds, is_open)

    async def trouble(self) -> str | None:
        """Why the store cannot be used now."""
        return await self._store.trouble()


def _stored(piece: Piece) -> Piece:
    if piece.key is None:
        return piece
    return _Stored(piece.name, segments.stored_size(piece.size))
