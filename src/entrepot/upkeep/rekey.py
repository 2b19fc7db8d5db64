"""Rows that are sealed by older keys, or by none, are sealed by the current one, while all goes on.

Each row says by which key it is sealed, so this can be cut anywhere and begun again. Objects are
not read: their keys are in rows. Next: `encrypt`, for objects from before there was a key.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from entrepot.db import keyed
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.keyed import TABLES, Table

Progress = Callable[[int, int | None], None]
"""Is told how much is done, and of how much, where that is known."""

_PAGE = 1000
"""Rows that are looked for at once."""
_STEP = 20
"""Rows of one transaction; a manifest may have megabytes."""

_log = logging.getLogger("entrepot.upkeep")


@dataclass(slots=True)
class Rekeyed:
    """What was done."""

    rows: int = 0
    failed: int = 0
    """Rows that do not open: they stay as they are."""


async def rekey(database: Database, progress: Progress) -> Rekeyed:
    """Seal all rows by the current key, those that lie plain included."""
    total = await database.scan(_total)
    found = Rekeyed()
    for table in TABLES:
        last: Any = None
        while rows := await database.scan(
            partial(keyed.stale, table=table, after=last, limit=_PAGE)
        ):
            last = rows[-1]
            for start in range(0, len(rows), _STEP):
                await _reseal(database, table, rows[start : start + _STEP], found)
                progress(found.rows, total)
    if found.rows:
        await database.scour()
        _log.info("%d rows are sealed by the current key now", found.rows)
    return found


def _total(db: Connection) -> int:
    current = db.keyring.current
    return sum(
        usage.rows
        for usage in keyed.usage(db)
        if current and usage.key != current.id and (usage.key or usage.table != "piece")
    )


async def _reseal(database: Database, table: Table, rows: list[Any], found: Rekeyed) -> None:
    began = time.monotonic()
    reseal = partial(keyed.reseal, table=table, rows=rows)
    said = await database.write(reseal, large=True)
    for why in said:
        _log.error("a row of %s cannot be sealed anew: %s", table.name, why)
    found.rows += len(rows) - len(said)
    found.failed += len(said)
    await asyncio.sleep(time.monotonic() - began)  # others write, too
