"""Objects are copied under their own names, and compared with their digests on the way.

Both ends see the bytes of the blobs. What lies encrypted is decrypted and encrypted again by the
very same data key, which gives the very same object; so one that was spoiled shows. What is there
already, in its whole size, is left alone: going on after an interruption costs one question each.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from entrepot.blobstore.store import Part, Store, StoreError
from entrepot.db import pieces
from entrepot.db.connection import Connection
from entrepot.db.faults import is_named
from entrepot.db.pieces import Owner, Piece
from entrepot.encryption.keys import EncryptionError
from entrepot.encryption.segments import stored_size
from entrepot.oci.ranges import Span
from entrepot.upkeep.moving.end import MoveError

Told = Callable[[int], None]
"""Is told of bytes that are done."""

_THREADS = 4
_PAGE = 200
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Damage:
    """A blob that does not lie at the source as it should."""

    owner: Owner
    why: str


class Objects:
    """The copying from one store to another, in several passes."""

    def __init__(self, source: Store, target: Store, told: Told) -> None:
        self.copied = 0
        """How many were written."""
        self._source = source
        self._target = target
        self._told = told
        self._done: set[str] = set()
        self._lock = threading.Lock()

    def copy(self, db: Connection) -> None:
        """One pass: whatever no pass before has seen. Raises `MoveError`, `StoreError`."""
        damaged: list[Damage] = []
        with ThreadPoolExecutor(_THREADS, "entrepot-move") as pool:
            last = ""
            while page := pieces.owners(db, last, _PAGE):
                last = page[-1].object
                new = [owner for owner in page if not self._has(owner.pieces)]
                damaged += [found for found in pool.map(self._copy, new) if found]
        damaged = [each for each in damaged if pieces.of(db, each.owner.object)]
        if damaged:  # those that were deleted meanwhile do not count
            raise _damaged(damaged)

    def _has(self, found: Sequence[Piece]) -> bool:
        return all(piece.name in self._done for piece in found)

    def _copy(self, owner: Owner) -> Damage | None:
        missing = {piece.name for piece in owner.pieces if self._target.size(piece) != piece.size}
        if missing:
            try:
                self._write(owner, missing)
            except StoreError:
                raise
            except (FileNotFoundError, EOFError, ValueError, EncryptionError) as error:
                self._target.delete(sorted(missing))
                return Damage(owner, str(error))
        with self._lock:
            self.copied += len(missing)
            self._done.update(piece.name for piece in owner.pieces)
        self._told(sum(piece.size for piece in owner.pieces if piece.name not in missing))
        return None

    def _write(self, owner: Owner, missing: set[str]) -> None:
        """Read all of a blob, and write what is missing of it. Raises ValueError."""
        algorithm, _, wanted = (owner.digest or "sha256:").partition(":")
        found = hashlib.new(algorithm)
        self._target.delete(sorted(missing))  # what a killed copy left would be in the way
        for piece in owner.pieces:
            strides = self._source.read(piece, Span(0, piece.size))
            if piece.name not in missing:
                for stride in strides:
                    found.update(stride)
                continue
            with self._target.part(piece, None, piece.size) as part:
                for stride in strides:
                    found.update(stride)
                    part.write(stride)
                    self._told(len(stride))
                _end(part, piece)
        if wanted and found.hexdigest() != wanted:
            raise ValueError("its bytes do not match its digest")


def _end(part: Part, piece: Piece) -> None:
    if part.size != piece.size:
        raise EOFError(f"object {piece.name} has {part.size} bytes, not {piece.size}")
    part.seal()


def _damaged(found: Sequence[Damage]) -> MoveError:
    shown = "; ".join(f"{each.owner.digest or 'an upload'}: {each.why}" for each in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return MoveError(
        f"{len(found)} blobs are damaged at the source: {shown}{more}; see entrepot check: push "
        "them again or delete them, then run this again"
    )


@dataclass(slots=True)
class Compared:
    """How a store differs from what the database says."""

    missing: list[str] = field(default_factory=list)
    """Names of settled pieces that do not lie there, or not in their size."""
    strange: list[tuple[str, int]] = field(default_factory=list)
    """Names and bytes of objects that no row names."""


def compare(db: Connection, store: Store) -> Compared:
    """Compare, folder by folder: all names of a large store would fill the memory."""
    found = Compared()
    listed = groupby(store.objects(), key=lambda each: each[0][:2])
    folder, objects = next(listed, ("", iter(())))
    for number in range(256):
        prefix = f"{number:02x}"
        there: dict[str, int] = {}
        if folder == prefix:
            there = dict(objects)
            folder, objects = next(listed, ("", iter(())))
        wanted = pieces.named_like(db, prefix)
        for name, piece in wanted.items():
            if there.get(name) != _stored(piece):
                found.missing.append(name)
        rest = sorted(set(there) - set(wanted))
        found.strange += [(name, there[name]) for name in rest if not is_named(db, name)]
    return found


def _stored(piece: Piece) -> int:
    return piece.size if piece.key is None else stored_size(piece.size)


def unlike(db: Connection, store: Store, told: Told) -> Iterator[str]:
    """Digests of blobs whose bytes, all read again, do not match them."""
    with ThreadPoolExecutor(_THREADS, "entrepot-verify") as pool:
        last = ""
        while page := pieces.owners(db, last, _PAGE):
            last = page[-1].object
            blobs = [owner for owner in page if owner.digest]
            matching = pool.map(partial(_matches, store, told), blobs)
            yield from (
                str(owner.digest) for owner, good in zip(blobs, matching, strict=True) if not good
            )


def _matches(store: Store, told: Told, owner: Owner) -> bool:
    algorithm, _, wanted = str(owner.digest).partition(":")
    found = hashlib.new(algorithm)
    try:
        for piece in owner.pieces:
            for stride in store.read(piece, Span(0, piece.size)):
                found.update(stride)
                told(len(stride))
    except StoreError:
        raise
    except (OSError, EOFError, EncryptionError):
        return False
    return found.hexdigest() == wanted
