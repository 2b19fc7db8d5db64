"""`ObjectStore`: objects in a bucket of S3, Google Cloud Storage or Azure, by obstore.

    PREFIX/entrepot         says whose the objects are; its absence, that this is another place
    PREFIX/ab/abcdef…       an object, under its name

Next: `blobstore.multipart` writes one, `blobstore.unfinished` finds what nobody finished.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import obstore

from entrepot.blobstore import unfinished
from entrepot.blobstore.aside import aside
from entrepot.blobstore.clients import STRIDE, Clients, told
from entrepot.blobstore.multipart import ObjectPart, Shares
from entrepot.blobstore.place import Place
from entrepot.blobstore.signed import Signer
from entrepot.blobstore.store import Piece, Signed, Source, StoreError, parts_of
from entrepot.oci.digest import Hasher
from entrepot.oci.ranges import Span

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult

MARK = "entrepot"
_SAYS = b"These are the objects of an Entrepot registry: deleting any of them loses blobs.\n"

_FRESH = 2.0
"""Seconds for which what was found out about the store is believed."""

_log = logging.getLogger("entrepot.store")
_name = re.compile(r"[0-9a-f]{32}").fullmatch


class ObjectStore:
    """Objects in a bucket."""

    near = False

    def __init__(self, place: Place) -> None:
        self.place = place
        self._clients = Clients.open(place).made()
        self._signer = Signer(self._clients.reading, place.signed_seconds)
        self._shares = Shares(place.memory)
        self._seen_at = self._heard_at = -_FRESH
        self._probe: asyncio.Future[str | None] | None = None
        self._probed_at = 0.0

    def prepare(self) -> None:
        """Leave our mark, and so see whether the place is there and takes objects."""
        try:
            with told(f"writing to {self.place}"):
                obstore.put(self._clients.writing, MARK, _SAYS)
        except FileNotFoundError:
            raise StoreError(f"there is no {self.place}: make the bucket first") from None

    def key(self, name: str) -> str:
        """An object's key. The name is checked: it must never lead to another one."""
        if not _name(name):
            raise ValueError(f"not an object's name: {name!r}")
        return f"{name[:2]}/{name}"

    def part(self, piece: Piece, hasher: Hasher | None, coming: int | None = None) -> ObjectPart:
        """Begin an object. Raises StoreError soon, and not after a part, where nobody answers."""
        key = self.key(piece.name)
        self._listen()
        return ObjectPart(self._clients.writing, key, hasher, coming, self._shares)

    async def open(self, pieces: Sequence[Piece], span: Span) -> Source:
        """A stream, which the store has begun to send."""
        parts = list(parts_of(pieces, span))
        if not parts:
            return Source(0)
        first = await self._get(*parts[0])
        return Source(len(span), stream=self._stream(first, parts))

    async def _get(self, piece: Piece, span: Span) -> "GetResult":
        key, options = self.key(piece.name), _range(span)
        try:
            with told(f"reading {key}"):
                found = await obstore.get_async(self._clients.reading, key, options=options)
        except FileNotFoundError:
            await aside(self._confirm)
            raise
        if wrong := _wrong(piece, found):
            raise FileNotFoundError(wrong)  # lost as well: pushed again it is whole
        return found

    async def _next(self, piece: Piece, span: Span) -> "GetResult":
        try:
            return await self._get(piece, span)
        except FileNotFoundError as error:  # too late to say that the blob is not here
            raise StoreError(str(error)) from None

    async def _stream(
        self, first: "GetResult", parts: Sequence[tuple[Piece, Span]]
    ) -> AsyncIterator[bytes]:
        for number, (piece, span) in enumerate(parts):
            found = await self._next(piece, span) if number else first
            left = len(span)
            with told(f"reading {piece.name}"):
                async for some in found.stream(STRIDE):
                    left -= len(some)
                    yield some
            if left:
                raise StoreError(f"object {piece.name} ended {left} bytes too early")

    def read(self, piece: Piece, span: Span) -> Iterator[memoryview]:
        """A span of an object's bytes."""
        key = self.key(piece.name)
        if not span:
            return
        with told(f"reading {key}"):
            found = obstore.get(self._clients.reading, key, options=_range(span))
            if wrong := _wrong(piece, found):
                raise EOFError(wrong)
            for some in found.stream(STRIDE):
                yield memoryview(some)

    async def holds(self, pieces: Sequence[Piece]) -> bool:
        """Whether all of them are there, and as long as they should be."""
        sizes = await asyncio.gather(*(aside(self.size, piece) for piece in pieces))
        return all(size == piece.size for size, piece in zip(sizes, pieces, strict=True))

    def peek(self, name: str) -> None:  # noqa: ARG002 - it is there when all of it is
        """None: an object shows nothing before its end."""
        return

    def size(self, piece: Piece) -> int | None:
        """Bytes of an object, None where there is none."""
        key = self.key(piece.name)
        try:
            with told(f"looking for {key}"):
                return obstore.head(self._clients.reading, key)["size"]
        except FileNotFoundError:
            self._confirm()
            return None

    def _listen(self) -> None:
        """Raise StoreError where the store says nothing; any answer will do."""
        if time.monotonic() - self._heard_at < _FRESH:
            return
        with contextlib.suppress(FileNotFoundError), told(f"looking into {self.place}"):
            obstore.head(self._clients.asking, MARK)
        self._heard_at = time.monotonic()

    def _confirm(self) -> None:
        """Raise StoreError where our mark is missed, too: then no object is lost, the store is."""
        if time.monotonic() - self._seen_at < _FRESH:
            return
        try:
            with told(f"looking into {self.place}"):
                obstore.head(self._clients.asking, MARK)
        except FileNotFoundError:
            raise StoreError(self._not_there()) from None
        self._seen_at = time.monotonic()

    def _not_there(self) -> str:
        return f"{self.place} is not there, or has lost its object {MARK!r}"

    async def url(self, pieces: Sequence[Piece]) -> Signed | None:
        """Where a client that the store can be reached by gets them."""
        return await self._signer.sign(self.key(pieces[0].name)) if len(pieces) == 1 else None

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects; one that has gone already is no error."""
        keys = []
        for name in names:
            if _name(name):
                keys.append(self.key(name))
            else:  # no object can have it, so there is nothing to delete
                _log.error("the garbage list has a malformed name, %r: it is passed over", name)
        self._delete(keys)

    def _delete(self, keys: list[str]) -> None:
        with told(f"deleting from {self.place}"):
            try:
                obstore.delete(self._clients.writing, keys)
            except FileNotFoundError:  # which of them it was is not said
                self._confirm()
                if len(keys) > 1:
                    for key in keys:
                        self._delete([key])

    def objects(self) -> Iterator[tuple[str, int]]:
        """Names and sizes of all objects, in order."""
        with told(f"listing {self.place}"):
            for page in obstore.list(self._clients.reading, chunk_size=1000):
                for found in page:
                    folder, _, name = found["path"].rpartition("/")
                    if _name(name) and folder == name[:2]:
                        yield name, found["size"]

    def abandon(self, seconds: float, is_open: Callable[[str], bool]) -> int:
        """Have the store forget the parts that killed processes left."""
        return unfinished.abandon(self.place, seconds, is_open)

    async def trouble(self) -> str | None:
        """Why the store cannot be used now. Who asks often gets the same answer for a moment."""
        probe, old = self._probe, time.monotonic() - self._probed_at > _FRESH
        if probe is None or (old and probe.done()):
            probe = self._probe = asyncio.ensure_future(self._find_trouble())
            self._probed_at = time.monotonic()
        return await asyncio.shield(probe)

    async def _find_trouble(self) -> str | None:
        try:
            async with asyncio.timeout(2 * _FRESH):
                with told(f"looking into {self.place}"):
                    await obstore.head_async(self._clients.probing, MARK)
        except FileNotFoundError:
            return self._not_there()
        except TimeoutError:
            return f"{self.place} does not answer"
        except StoreError as error:
            return str(error)
        return None


def _range(span: Span) -> "GetOptions":
    return {"range": (span.start, span.stop)}


def _wrong(piece: Piece, found: "GetResult") -> str:
    """How an object is not what was written."""
    size = found.meta["size"]
    return "" if size == piece.size else f"object {piece.name} has {size} bytes, not {piece.size}"
