"""`Behind`: reads a blob behind another process that fetches it, as far as that one has come.

On one machine both see the file that grows. Where a store shows nothing before an object's end,
whoever waits here is told the size as soon as the other one has bytes, and gets them when all are
there; who would have to wait long for that is helped by a second fetch. Next: `leases`.
"""

import asyncio
import time
from collections.abc import Iterable
from functools import partial

from entrepot.blobstore.aside import aside
from entrepot.blobstore.store import Store
from entrepot.db import fetches
from entrepot.db.database import Database
from entrepot.upstream.cache.pour import Pour
from entrepot.upstream.cache.veil import Followed
from entrepot.upstream.place import UnreachableError

SILENCE = 45.0
"""Seconds after which it is fetched once more rather than that nothing comes: proxies cut an answer
off that is silent for a minute, and a kubelet gives up after five.
"""
_GLANCE = 0.02
"""Seconds between two looks at a file that grows."""
_LONGEST = 0.1
"""Seconds after which it is looked whether all is there."""


class Behind:
    """One blob that another process fetches."""

    def __init__(self, database: Database, store: Store, pour: Pour) -> None:
        self._database = database
        self._store = store
        self._pour = pour
        self._file: Followed | None = None
        self._piece = ""
        self._until = time.monotonic() + SILENCE

    async def wait(self, seconds: float) -> bool:
        """Hand out what comes for about so long; whether to go on with that.

        Raises `UnreachableError` where what was handed out is of a fetch that nobody goes on with.
        """
        await self._look()
        if self._file is None:
            await asyncio.sleep(seconds)
            return time.monotonic() < self._until
        end = time.monotonic() + min(seconds, _LONGEST)
        while time.monotonic() < end:
            self._pour.tail.reach(min(self._file.size(), self._pour.blob.size))
            await asyncio.sleep(_GLANCE)
        return True

    async def _look(self) -> None:
        """See whether the other one has something; what it fetches for another repository is not
        handed out before the upstream said that this one has it, too.
        """
        begun = await self._database.read(partial(fetches.begun, what=self._pour.what))
        if begun is None or begun.repository != self._pour.repository.name:
            return
        if self._file is not None:
            self.check([begun.piece])
            return
        file = await aside(self._store.peek, begun.piece) if begun.piece else None
        if file is None:
            self._pour.tail.announce()
            return
        self._file, self._piece = Followed(file), begun.piece
        self._pour.tail.lie(self._file)

    def check(self, names: Iterable[str]) -> None:
        """Raise where what was handed out lies in none of these pieces: what comes elsewhere may be
        something else, and nobody is to get a bit of both.
        """
        if self._file is not None and self._piece not in names:
            raise UnreachableError(f"a fetch of {self._pour.blob.digest} broke off: ask again")
