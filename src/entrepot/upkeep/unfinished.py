"""What killed processes left of objects that they were writing, where a store keeps it unseen.

Of a piece that is open somebody may be writing; its row is there before the store hears of it.
"""

import logging
from functools import partial

from entrepot.blobstore.aside import aside
from entrepot.blobstore.store import Store
from entrepot.db import pieces
from entrepot.db.database import Database

_log = logging.getLogger("entrepot.upkeep")


async def abandon(database: Database, store: Store, seconds: float) -> int:
    """Have the store forget what is older than so many seconds; how many objects those were."""

    def is_open(name: str) -> bool:
        return database.ask(partial(pieces.is_open, name=name))

    count = await aside(store.abandon, seconds, is_open)
    if count:
        _log.info("%d unfinished objects were taken away", count)
    return count
