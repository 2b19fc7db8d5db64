"""Segments: how an object lies encrypted in the store, so that any range of it opens by itself.

The bytes are cut into segments, each sealed by AES-256-GCM with the object's own data key. The
nonce is the segment's number and whether it is the last one; the data key is used for this object
alone, which is written once, so no nonce comes twice. An object that was cut, grew, or has its
segments in another order does not open (STREAM: Hoang, Reyhanitabar, Rogaway, Vizár 2015, 5); nor
does one under another name, which is the associated data.

    segment 0, 64 KiB | segment 1, 64 KiB | … | the last one, of 16 bytes to 64 KiB

A segment with its tag is what has the round size: it begins at a page of a file. An empty object
is one segment without content.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from entrepot.encryption import envelope
from entrepot.encryption.envelope import BrokenSealError
from entrepot.encryption.keys import SIZE, EncryptionError, MasterKey

if TYPE_CHECKING:  # it is large, and who has no master key does without
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TAG = 16
SEGMENT = 64 * 1024
"""Bytes of a segment in the store."""
CONTENT = SEGMENT - TAG
"""Bytes of content in it."""
STRIDE = 1024 * 1024
"""Bytes of segments that are opened, or written, at once."""

_FORMAT = b"\x01"
"""Of the segments; it lies in the envelope, before the data key."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """The key of one object, which it never outlives."""

    name: str
    """Of the object in the store."""
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls, name: str) -> "DataKey":
        """A random one, for an object that is about to be written."""
        return cls(name, secrets.token_bytes(SIZE))

    @classmethod
    def unwrap(cls, key: MasterKey, name: str, wrapped: bytes) -> "DataKey":
        """The key of an object. Raises `BrokenSealError`, also for another object's."""
        value = envelope.unseal(key, ("object", name), wrapped)
        if value[:1] != _FORMAT:
            raise EncryptionError(f"object {name} was encrypted by a newer Entrepot")
        return cls(name, value[1:])

    def wrap(self, key: MasterKey) -> bytes:
        """Itself in an envelope, for the database."""
        return envelope.seal(key, ("object", self.name), _FORMAT + self.secret)


def stored_size(size: int) -> int:
    """Bytes that `size` bytes of content take in the store."""
    return size + TAG * (_last(size) + 1)


def content_size(stored: int) -> int:
    """Bytes of content in `stored` bytes; of what was cut in a tag, some number that is none."""
    return stored - TAG * -(-stored // SEGMENT)


def _last(size: int) -> int:
    """The number of the last segment."""
    return max(0, size - 1) // CONTENT


@dataclass(frozen=True, slots=True)
class Stretch:
    """Segments in which some bytes of the content lie."""

    first: int
    """The number of the first one."""
    start: int
    """Where they begin in the store."""
    stop: int
    """Where they end there."""
    skip: int
    """Bytes of content in them before those that are meant."""
    count: int
    """Bytes of content that are meant."""


def stored_span(start: int, stop: int, size: int) -> tuple[int, int]:
    """Where the segments of these bytes of content begin and end in the store."""
    after = _last(max(stop, start + 1)) + 1
    return start // CONTENT * SEGMENT, min(after * SEGMENT, stored_size(size))


def stretches(start: int, stop: int, size: int, most: int = STRIDE) -> Iterator[Stretch]:
    """Where the bytes from `start` up to `stop`, of `size` bytes of content, lie in the store.

    A stretch is at most `most` long there, which is some segments. There is one also where no byte
    is meant, so that whoever reads an empty object sees that it is whole.
    """
    while True:
        first, skip = divmod(start, CONTENT)
        after = min(first + most // SEGMENT, _last(max(stop, start + 1)) + 1)
        meant = min(stop, after * CONTENT)
        yield Stretch(first, *stored_span(start, meant, size), skip, meant - start)
        if meant >= stop:
            return
        start = meant


class Sealer:
    """Seals the segments of an object, from the first to the last; never one of them twice."""

    def __init__(self, key: DataKey) -> None:
        self._box = _box(key)
        self._name = key.name.encode()
        self._number = 0
        self._ended = False

    def seal(self, content: memoryview, into: memoryview, *, last: bool = False) -> int:
        """Seal the next segment; the bytes of it. Each but the last has CONTENT bytes."""
        if self._ended or not (last or len(content) == CONTENT) or len(content) > CONTENT:
            raise ValueError("segments are sealed one after the other, whole")
        nonce, self._number, self._ended = _nonce(self._number, last), self._number + 1, last
        size = len(content) + TAG
        self._box.encrypt_into(nonce, content, self._name, into[:size])
        return size


class Opener:
    """Opens segments of an object that has `size` bytes of content."""

    def __init__(self, key: DataKey, size: int) -> None:
        self._size = size
        self._box = _box(key)
        self._name = key.name

    def open(self, stretch: Stretch, stored: memoryview, into: memoryview) -> memoryview:
        """The bytes of content that are meant, from what was found where the stretch lies.

        `into` has room for STRIDE bytes; the answer is a part of it. Raises `BrokenSealError`.
        """
        if len(stored) != stretch.stop - stretch.start:
            raise BrokenSealError(f"object {self._name} is cut: it ends before {stretch.stop}")
        last, place = _last(self._size), 0
        for offset in range(0, len(stored), SEGMENT):
            number = stretch.first + offset // SEGMENT
            segment = stored[offset : offset + SEGMENT]
            room = into[place : place + len(segment) - TAG]
            self._open(number, segment, room, last=number == last)
            place += len(room)
        return into[stretch.skip : stretch.skip + stretch.count]

    def _open(self, number: int, segment: memoryview, into: memoryview, *, last: bool) -> None:
        from cryptography.exceptions import InvalidTag

        try:
            self._box.decrypt_into(_nonce(number, last), segment, self._name.encode(), into)
        except InvalidTag:
            raise BrokenSealError(
                f"segment {number} of object {self._name} is not as it was written"
            ) from None


def _box(key: DataKey) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key.secret)


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")
