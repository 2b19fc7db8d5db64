"""What killed processes left of objects that they were writing, where a store keeps it unseen.

Of a piece that is open somebody may be writing; its row is there before the store hears of it.
"""

import asyncio
import logging
import time
from functools import partial

from entrepot.blobstore.store import Store
from entrepot.db import pieces
from entrepot.db.database import Database

EVERY = 3600.0
"""Seconds between two looks: they cost a request for each thousand uploads under way."""

_log = logging.getLogger("entrepot.upkeep")


class Unfinished:
    """Looks for it now and then."""

    def __init__(self, database: Database, store: Store, seconds: float) -> None:
        self._database = database
        self._store = store
        self._seconds = seconds
        self._next = 0.0

    async def abandon(self) -> int:
        """If it is time to look, have the store forget what is older than so many seconds."""
        if time.monotonic() < self._next:
            return 0
        count = await asyncio.to_thread(self._store.abandon, self._seconds, self._is_open)
        self._next = time.monotonic() + min(EVERY, self._seconds)
        if count:
            _log.info("%d unfinished objects were taken away", count)
        return count

    def _is_open(self, name: str) -> bool:
        return self._database.ask(partial(pieces.is_open, name=name))
