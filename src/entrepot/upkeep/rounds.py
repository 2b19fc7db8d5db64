"""The rounds of the collector: what has expired goes, then what nothing keeps, then its bytes.

A round may be made twice at once, or be cut anywhere: it takes up what the last one left.
"""

import logging
from dataclasses import asdict
from functools import partial

from entrepot.blobstore.aside import aside
from entrepot.blobstore.store import Store
from entrepot.db import pieces, uploads
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.terms import Terms
from entrepot.observe.metrics import COLLECTED, COLLECTED_BYTES, Metrics
from entrepot.upkeep.collect import Collected, collect_idle
from entrepot.upkeep.purge import purge_ended

_PAGE = 500

_log = logging.getLogger("entrepot.upkeep")


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
        for name, count in asdict(found).items():
            if name == "bytes" and count:
                metrics.add(COLLECTED_BYTES, count)
            elif count:
                metrics.add(COLLECTED, count, name)
        if took := str(found):
            _log.info("collected: %s", took)
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
        await aside(store.delete, names)
        await database.note(partial(pieces.forget, names=names))
        count += len(names)
    return count
