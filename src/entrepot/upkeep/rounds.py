"""The rounds: old uploads, audit rows and keys go, garbage is deleted, the store is measured.

Of several workers one makes them: the one that holds the lock on a file. A round may be made
twice or be cut anywhere; it takes up what the last one left.
"""

import asyncio
import logging
from functools import partial
from pathlib import Path

from entrepot.blobstore.disk import DiskStore
from entrepot.db import blobs, engine, uploads
from entrepot.db.database import Database
from entrepot.db.sizes import Sizes, measure
from entrepot.observe.metrics import STORE_BLOBS, STORE_BYTES, UPLOADS_OPEN, Metrics
from entrepot.upkeep import lease
from entrepot.upkeep.credentials import forget
from entrepot.upkeep.purge import purge_ended
from entrepot.upkeep.retention import retain

LOCK = "rounds.lock"
_PAGE = 500

_log = logging.getLogger("entrepot.upkeep")


async def make_rounds(
    database: Database,
    store: DiskStore,
    metrics: Metrics,
    *,
    expiry: float,
    pause: float,
    retention: int = 0,
    copy: str = "",
    token_seconds: float = 300,
) -> None:
    """Make rounds until cancelled; `expiry` and `pause` in seconds, `retention` in days."""
    with (database.folder / LOCK).open("w") as lock:
        while True:
            try:
                if lease.is_ours(lock.fileno()):
                    await _round(database, store, expiry)
                    await retain(database, retention, copy)
                    await forget(database, token_seconds)
                    found = await asyncio.to_thread(_measure, database.folder)
                    metrics.set(STORE_BYTES, found.bytes)
                    metrics.set(STORE_BLOBS, found.blobs)
                    metrics.set(UPLOADS_OPEN, found.uploads)
            except Exception:  # noqa: BLE001 - a task that dies is not seen, nor replaced
                _log.exception("a round failed; the next one comes in %s s", pause)
            await asyncio.sleep(pause)


async def _round(database: Database, store: DiskStore, expiry: float) -> None:
    expired = await expire(database, store, expiry)
    await purge_ended(database)
    deleted = await collect(database, store)
    if expired or deleted:
        _log.info("%d uploads expired, %d objects deleted", expired, deleted)


async def expire(database: Database, store: DiskStore, seconds: float) -> int:
    """Cancel uploads that nobody has touched for so long; how many those were."""
    count, last = 0, (0.0, "")
    while page := uploads.idle(database.reader, seconds, last, _PAGE):
        last = page[-1]
        names = [upload for _, upload in page]
        free = await asyncio.to_thread(_not_being_written, store, names)
        count += await database.note(partial(uploads.expire, names=free, seconds=seconds))
    return count


def _not_being_written(store: DiskStore, names: list[str]) -> list[str]:
    return [name for name in names if not store.is_being_written(name)]


async def collect(database: Database, store: DiskStore) -> int:
    """Delete the objects that no row names any more; how many those were."""
    count = 0
    while names := blobs.garbage(database.reader, _PAGE):
        await asyncio.to_thread(_delete, store, names)
        await database.note(partial(blobs.forget, names=names))
        count += len(names)
    return count


def _delete(store: DiskStore, names: list[str]) -> None:
    for name in names:
        try:
            store.delete(name)
        except ValueError:  # no file can have this name, so there is nothing to delete
            _log.exception("the garbage list has a malformed name: it is forgotten")


def _measure(folder: Path) -> Sizes:
    """What is kept; it reads whole tables, so in a thread, on a connection of its own."""
    db = engine.connect(folder)
    try:
        return measure(db)
    finally:
        db.close()
