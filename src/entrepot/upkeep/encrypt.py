"""Objects from before there was a key are encrypted, while they are pulled.

A blob is read, written anew under other names, and compared with its digest; then its new objects
take the place of the old ones, in one transaction. Until then nobody sees the new ones, from then
on nobody the old. Whatever was cut is begun again with the same blob. A store that cannot be used
says nothing about any blob: it ends there, and the runner begins it again later.
"""

import asyncio
import errno
import hashlib
import logging
import threading
import time
from dataclasses import dataclass, field, replace
from functools import partial

from entrepot.blobstore.store import Store, StoreError
from entrepot.db import exchange, pieces
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.exchange import Plain
from entrepot.db.pieces import Piece
from entrepot.encryption.keys import EncryptionError
from entrepot.oci.ranges import Span
from entrepot.upkeep.rekey import Progress

RATE = 64 * 1024 * 1024
"""Bytes a second: the disk and the cores are there for others."""

_PAGE = 100
_TICK = 2.0
"""Seconds between two words on how far it has come."""
_MOST_FAILED = 20
"""With so many it is not the blobs that are at fault."""

_log = logging.getLogger("entrepot.upkeep")


class StoppedError(Exception):
    """The process ends."""


@dataclass(slots=True)
class Encrypted:
    """What was done."""

    blobs: int = 0
    bytes: int = 0
    failed: int = 0
    """Blobs whose bytes cannot be read, or are not what their digest says: they stay."""


@dataclass(slots=True)
class Copy:
    """The copying of one blob, in a thread."""

    store: Store
    rate: float
    stopped: threading.Event = field(default_factory=threading.Event)
    bytes: int = 0

    def run(self, blob: Plain, new: dict[str, Piece]) -> list[tuple[Piece, Piece]]:
        """Write the pieces that lie plain, by name, to new ones; the pairs.

        Raises ValueError where the bytes do not match the digest.
        """
        began, found, pairs = time.monotonic(), hashlib.new(blob.digest.algorithm), []
        for old in blob.pieces:
            target = new.get(old.name)
            part = self.store.part(target, None, old.size) if target else None
            try:
                for stride in self.store.read(old, Span(0, old.size)):
                    found.update(stride)
                    if part is not None:
                        part.write(stride)
                    self.bytes += len(stride)
                    self._rest(began)
                if part is not None and target is not None:
                    part.seal()
                    pairs.append((old, replace(target, size=part.size)))
            finally:
                if part is not None:
                    part.close()
        if found.hexdigest() != blob.digest.hex:
            raise ValueError("its bytes do not match its digest")
        return pairs

    def _rest(self, began: float) -> None:
        ahead = self.bytes / self.rate - (time.monotonic() - began)
        if self.stopped.wait(max(0.0, ahead)):
            raise StoppedError


async def encrypt(
    database: Database,
    store: Store,
    progress: Progress,
    *,
    linger: bool = False,
    rate: float = RATE,
) -> Encrypted:
    """Encrypt all blobs that lie plain. Where clients read from the store itself, have the old
    objects `linger` for as long as an upload may.
    """
    total, found, last = await database.scan(exchange.plain_bytes), Encrypted(), ""
    while page := await database.read(partial(exchange.plain, after=last, limit=_PAGE)):
        for blob in page:
            last, copy = blob.object, Copy(store, rate)
            ticking = asyncio.create_task(_tick(progress, found.bytes, copy, total))
            try:
                await _encrypt(database, copy, blob, found, linger=linger)
            finally:
                ticking.cancel()
            progress(found.bytes, total)
    return found


async def _tick(progress: Progress, done: int, copy: Copy, total: int) -> None:
    """Some blobs take minutes."""
    while True:
        await asyncio.sleep(_TICK)
        progress(done + copy.bytes, total)


async def _encrypt(
    database: Database, copy: Copy, blob: Plain, found: Encrypted, *, linger: bool
) -> None:
    new = {piece.name: Piece.new(database.keyring) for piece in blob.pieces if piece.key is None}
    await database.write(partial(_begin, owner=blob.object, new=list(new.values())))
    try:
        pairs = await _aside(copy, blob, new)
        swap = partial(exchange.exchange, owner=blob.object, pairs=pairs, linger=linger)
        if await database.write(swap):
            found.blobs += 1
            found.bytes += sum(old.size for old, _ in pairs)
            return
    except (OSError, EOFError, ValueError, EncryptionError) as error:
        found.failed += 1
        if found.failed == _MOST_FAILED or getattr(error, "errno", None) == errno.ENOSPC:
            raise
        if isinstance(error, StoreError) and (why := await copy.store.trouble()):
            raise StoreError(why) from None
        _log.error("blob %s is not encrypted: %s; run entrepot check", blob.digest, error)
    finally:
        await database.note(partial(_drop, names=[piece.name for piece in new.values()]))


async def _aside(copy: Copy, blob: Plain, new: dict[str, Piece]) -> list[tuple[Piece, Piece]]:
    """In a thread, which is stopped where the process ends."""
    running = asyncio.get_running_loop().run_in_executor(None, copy.run, blob, new)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        copy.stopped.set()
        await asyncio.wait([running])
        raise


def _begin(db: Connection, owner: str, new: list[Piece]) -> None:
    for piece in new:
        pieces.begin(db, owner, piece)


def _drop(db: Connection, names: list[str]) -> None:
    """What took no place; of what did, the row stands."""
    for name in names:
        pieces.drop(db, name, "it was to hold a blob encrypted, and does not")
