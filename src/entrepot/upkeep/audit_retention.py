"""Retention of the audit: whole days of it go when they are old enough, the oldest first.

Each transaction takes a few rows, and says so in the audit itself (`db.audit.expire`); cut
anywhere, the next round goes on. Where there is a copy, what it lacks stays (`upkeep.copy`).
"""

import time
from functools import partial

from entrepot.db import audit
from entrepot.db.database import Database
from entrepot.upkeep.copy import marker

DAY = 24 * 3600
_EVERY = 2**62
_PAGE = 500


async def retain(database: Database, days: int, copy: str = "") -> int:
    """Delete rows that are older than so many days, 0 for none; how many those were."""
    if not days:
        return 0
    before = (time.time() // DAY - days) * DAY
    last = _EVERY
    if copy:
        last, _ = await database.read(partial(audit.marked, name=marker(copy)))
    count = 0
    while gone := await database.write(
        lambda db: audit.expire(db, before, last, _PAGE), large=True
    ):
        count += gone
    return count
