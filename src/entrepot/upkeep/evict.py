"""`evict`: makes room in caches that are nearly full. Next: `db.eviction`.

Each manifest goes in a transaction of its own, which decides again whether it may.
"""

import time
from functools import partial

from entrepot.auth import pattern
from entrepot.db import eviction, quotas, upstreams
from entrepot.db.audit import By
from entrepot.db.database import Database
from entrepot.db.eviction import START, Room, Unused
from entrepot.db.quotas import Usage
from entrepot.db.upstreams import Upstream
from entrepot.encryption.keys import EncryptionError
from entrepot.oci.errors import Code, OCIError
from entrepot.upkeep.job import JobError

JOB = "cache"

FULL, ENOUGH = 0.9, 0.8
"""Of the quota, of bytes or of tags: where room is made, and how much is left in then."""
YOUNG = 3600.0
"""Seconds for which what was pulled stays in any case: its pull may go on."""

PAGE = 5000
"""Images that one look finds, which reads all of the cache."""
_BY = By("entrepot", via="cache")


def excess(usage: Usage) -> Room:
    """What is to go."""
    return Room(_excess(usage.bytes, usage.quota), _excess(usage.tags, usage.quota_tags))


def _excess(used: int, quota: int | None) -> int:
    if quota is None or used <= quota * FULL:
        return 0
    return used - int(quota * ENOUGH)


async def evict(database: Database) -> int:
    """Make room in all caches; how many bytes went. One where that fails holds up no other. Raises
    `JobError` for those in the end.
    """
    freed, wrong = 0, list[str]()
    for project in await database.read(upstreams.projects):
        try:
            row = await database.read(partial(upstreams.find, project=project))
            freed += await _evict(database, row) if row else 0
        except (EncryptionError, OCIError) as error:
            wrong.append(f"{project}: {error}")
    if wrong:
        raise JobError("; ".join(wrong))
    return freed


async def _evict(database: Database, row: Upstream) -> int:
    left = excess(await database.read(partial(quotas.find, project=row.project)))
    freed, mark, before = 0, START, time.time() - YOUNG
    find = partial(
        eviction.unused, project=row.project, before=before, limit=PAGE, pinned=_pinned(row)
    )
    while left.is_any:
        page = await database.scan(partial(find, after=mark))
        if not page:
            break
        for each in page:
            if left.is_any:
                went = await _take(database, row, each, tagged=left.bytes <= 0)
                left, freed = left.less(went), freed + went.bytes
        mark = page[-1].used_at, page[-1].id
    return freed


def _pinned(row: Upstream) -> list[tuple[str, str]]:
    """Repositories that stay with all their tags, from one name to another each: they are not even
    looked at, of which there may be many.
    """
    whole = pattern.ranges([each for each in row.pinned if ":" not in each])
    return [(f"{row.project}/{first}", f"{row.project}/{last}") for first, last in whole]


async def _take(database: Database, row: Upstream, found: Unused, *, tagged: bool) -> Room:
    take = partial(eviction.evict, found=found, row=row, by=_BY, tagged=tagged)
    try:
        return await database.write(take, large=True)
    except OCIError as error:
        if error.code is not Code.DENIED:
            raise
        return Room()
