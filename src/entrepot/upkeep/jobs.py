"""Which jobs there are. Next: `job` says what one is, `runner` does them."""

import time
from functools import partial

from entrepot.blobstore.store import Store
from entrepot.db import fetches, gauges, quarantine, replicated
from entrepot.db.database import Database
from entrepot.db.sizes import measure
from entrepot.db.terms import Terms
from entrepot.observe.metrics import (
    SCRUB_DAMAGED,
    STORE_BLOBS,
    STORE_BYTES,
    UPLOADS_OPEN,
    Metrics,
)
from entrepot.upkeep import tag_retention
from entrepot.upkeep.audit_retention import retain
from entrepot.upkeep.copy import follow
from entrepot.upkeep.credentials import forget
from entrepot.upkeep.evict import JOB as CACHE
from entrepot.upkeep.evict import evict
from entrepot.upkeep.job import Job, Run
from entrepot.upkeep.rounds import sweep
from entrepot.upkeep.scrub import JOB as SCRUB
from entrepot.upkeep.scrub import Scrub
from entrepot.upkeep.tag_rules import DAY
from entrepot.upkeep.unfinished import abandon

HOUR = 3600.0
_COPIES_KEPT = 365 * DAY
"""Seconds for which it is known where a tag came from that is no copy any more."""
_MOST = 10_000
"""Of those that are forgotten at a time."""


def jobs(  # noqa: C901 - a function of some lines for each of them
    database: Database,
    store: Store,
    metrics: Metrics,
    terms: Terms,
    *,
    pause: float,
    upload_expiry: float,
    token_seconds: float,
    audit_days: int,
    audit_copy: str,
    scrub_days: float,
    scrub_rate: float,
) -> list[Job]:
    """All of them. `pause` are the seconds between two runs of what goes on all the time."""

    async def collect(run: Run) -> None:
        await database.note(partial(quarantine.expire, now=time.time()))
        await database.note(partial(fetches.expire, seconds=HOUR))
        run.report(note=str(await sweep(database, store, metrics, terms, upload_expiry)))

    async def forget_unfinished(run: Run) -> None:
        run.report(done=await abandon(database, store, upload_expiry))

    async def make_room(run: Run) -> None:
        run.report(done=await evict(database))

    async def expire(run: Run) -> None:
        run.report(done=await retain(database, audit_days, audit_copy))

    async def forget_credentials(_: Run) -> None:
        await forget(database, token_seconds)

    async def gauge(_: Run) -> None:
        found = await database.scan(measure)
        values = {STORE_BYTES: found.bytes, STORE_BLOBS: found.blobs, UPLOADS_OPEN: found.uploads}
        values[SCRUB_DAMAGED] = await database.read(quarantine.damaged)
        await database.note(partial(gauges.put, values=values))

    async def retain_tags(run: Run) -> None:
        before = time.time() - _COPIES_KEPT
        gone = await database.scan(partial(replicated.past, before=before, limit=_MOST))
        await database.note(partial(replicated.forget, tags=gone, before=before))
        count, last = 0, run.cursor
        while True:
            went, last = await tag_retention.retain(database, terms.trash, last)
            count += went
            if not last:
                return
            await run.progress(count, note=f"deleted by rules, up to {last}", cursor=last)
            await run.pause()

    async def scrub(run: Run) -> None:
        await Scrub(database, store, metrics, scrub_rate).run(run)

    found = [
        Job("collect", collect, pause, "Deletes what has expired and what nothing keeps."),
        Job(
            "unfinished",
            forget_unfinished,
            min(HOUR, upload_expiry),  # a request for each thousand uploads under way
            "Deletes what killed processes left unfinished in a store of objects.",
        ),
        Job("measure", gauge, pause, "Measures what is kept, for the metrics."),
        Job("credentials", forget_credentials, pause, "Forgets secrets that ended long ago."),
        Job("audit-retention", expire, pause, "Deletes rows of the audit that are old enough."),
        Job(CACHE, make_room, pause, "Makes room in caches that are nearly full."),
        Job("retention", retain_tags, DAY, "Deletes the tags and manifests that rules say."),
    ]
    often = scrub_days * DAY or None
    found.append(Job(SCRUB, scrub, often, "Reads all that is stored, and compares it."))
    if audit_copy:
        follow_audit = partial(follow, database=database, copy=audit_copy)
        found.append(Job("audit-copy", follow_audit, pause, "Copies the audit as it is written."))
    return found
