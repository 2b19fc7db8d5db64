"""The rounds of the collector: what has expired goes, then what nothing keeps, then its bytes.

A round may be made twice at once, or be cut anywhere: it takes up what the last one left.
"""

import logging
from dataclasses import asdict
from functools import partial

from entrepot.blobstore.aside import aside
from entrepot.blobstore.store import Store, StoreError
from entrepot.db import pieces, uploads
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.terms import Terms
from entrepot.observe.metrics import COLLECTED, COLLECTED_BYTES, Metrics
from entrepot.redaction import redacted
from entrepot.upkeep.collect import Collected, collect_idle
from entrepot.upkeep.purge import purge_ended

_PAGE = 500
_MOST_FAILED = 20
"""Objects that cannot be deleted before any other was: then it is not they that are at fault."""

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
    """Delete the objects that no row names any more; how many those were.

    One that cannot be deleted waits, and holds up no other. Raises StoreError where the store is
    not there, and OSError where so many fail that it is rather the store than they.
    """
    count = 0
    while names := await database.read(partial(pieces.garbage, limit=_PAGE)):
        try:
            await aside(store.delete, names)
            gone = names
        except OSError as error:
            await _if_away(store, error)
            gone = await _one_by_one(database, store, names)
        await database.note(partial(pieces.forget, names=gone))
        count += len(gone)
    return count


async def _one_by_one(database: Database, store: Store, names: list[str]) -> list[str]:
    """Delete what can be, and put off the rest; what is gone."""
    gone, failed = list[str](), 0
    for name in names:
        try:
            await aside(store.delete, [name])
            gone.append(name)
        except OSError as error:
            await _if_away(store, error)
            trouble = redacted(str(error))
            if await database.note(partial(pieces.put_off, name=name, trouble=trouble)):
                _log.error("object %s cannot be deleted, it is tried later: %s", name, trouble)
            failed += 1
            if failed == _MOST_FAILED and not gone:
                raise
    return gone


async def _if_away(store: Store, error: OSError) -> None:
    """Raise where the store as a whole is at fault."""
    if isinstance(error, StoreError) and (why := await store.trouble()):
        raise StoreError(why) from None
