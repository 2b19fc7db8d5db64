"""The rounds: old uploads, audit rows and keys go, garbage is deleted, the store is measured.

Of several workers one makes them: the one that holds the lock on a file. A round may be made
twice or be cut anywhere; it takes up what the last one left.
"""

import asyncio
import logging
from dataclasses import asdict
from functools import partial
from pathlib import Path

from entrepot.blobstore.store import Store, StoreError
from entrepot.db import pieces, uploads
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.sizes import measure
from entrepot.db.terms import Terms
from entrepot.observe.metrics import (
    COLLECTED,
    COLLECTED_BYTES,
    STORE_BLOBS,
    STORE_BYTES,
    UPLOADS_OPEN,
    Metrics,
)
from entrepot.upkeep import lease
from entrepot.upkeep.collect import Collected, collect_idle
from entrepot.upkeep.credentials import forget
from entrepot.upkeep.purge import purge_ended
from entrepot.upkeep.retention import retain
from entrepot.upkeep.unfinished import Unfinished

LOCK = "rounds.lock"
_PAGE = 500

_log = logging.getLogger("entrepot.upkeep")


async def make_rounds(
    database: Database,
    store: Store,
    metrics: Metrics,
    terms: Terms,
    folder: Path,
    *,
    expiry: float,
    pause: float,
    retention: int = 0,
    copy: str = "",
    token_seconds: float = 300,
) -> None:
    """Make rounds until cancelled; `expiry` and `pause` in seconds, `retention` in days."""
    unfinished = Unfinished(database, store, expiry)
    with (folder / LOCK).open("w") as lock:
        while True:
            try:
                if lease.is_ours(lock.fileno()):
                    await sweep(database, store, metrics, terms, expiry)
                    await unfinished.abandon()
                    await retain(database, retention, copy)
                    await forget(database, token_seconds)
                    found = await database.scan(measure)
                    metrics.set(STORE_BYTES, found.bytes)
                    metrics.set(STORE_BLOBS, found.blobs)
                    metrics.set(UPLOADS_OPEN, found.uploads)
            except StoreError as error:
                _log.error("a round was cut short: %s", error)
            except Exception:  # noqa: BLE001 - a task that dies is not seen, nor replaced
                _log.exception("a round failed; the next one comes in %s s", pause)
            await asyncio.sleep(pause)


async def sweep(
    database: Database, store: Store, metrics: Metrics, terms: Terms, expiry: float
) -> Collected:
    """Have everything go whose time has come: first what keeps other things, objects last."""
    found = Collected()
    try:
        found.uploads = await expire(database, expiry)
        await collect_idle(database, terms, found)
        found.purged = await purge_ended(database)
        found.objects = await collect(database, store)
    finally:
        took = {name: count for name, count in asdict(found).items() if count}
        for name, count in took.items():
            if name == "bytes":
                metrics.add(COLLECTED_BYTES, count)
            else:
                metrics.add(COLLECTED, count, name)
        if took:
            _log.info("collected: %s", ", ".join(f"{took[name]} {name}" for name in took))
    return found


async def expire(database: Database, seconds: float) -> int:
    """Cancel uploads that nobody has touched for so long; how many those were. Pieces that a
    killed process left open go, too.
    """
    count, last = 0, (0.0, "")
    while page := await database.read(
        partial(uploads.idle, seconds=seconds, after=last, limit=_PAGE)
    ):
        last = page[-1]
        names = [upload for _, upload in page]
        count += await database.note(partial(uploads.expire, names=names, seconds=seconds))
    while stale := await database.read(partial(pieces.stale, seconds=seconds, limit=_PAGE)):
        await database.note(partial(_drop, names=stale))
    return count


def _drop(db: Connection, names: list[str]) -> None:
    for name in names:
        pieces.drop(db, name, "the process that wrote it has ended")


async def collect(database: Database, store: Store) -> int:
    """Delete the objects that no row names any more; how many those were."""
    count = 0
    while names := await database.read(partial(pieces.garbage, limit=_PAGE)):
        await asyncio.to_thread(store.delete, names)
        await database.note(partial(pieces.forget, names=names))
        count += len(names)
    return count
