"""`Behind`: reads a blob behind another fetch of it, as far as that one has come.

That one may be for another repository of the project, or in another process. On one machine both
see the file that grows. Where a store shows nothing before an object's end, whoever waits here for
another process is told the size as soon as that one has bytes, and gets them when all are there;
who would have to wait long for that is helped by a second fetch. Next: `leases`.
"""

import asyncio
import time
from collections.abc import Container, Mapping
from contextlib import closing, suppress
from functools import partial

from entrepot.blobstore.aside import aside
from entrepot.blobstore.store import Store
from entrepot.db import fetches
from entrepot.db.database import Database
from entrepot.db.fetches import Begun
from entrepot.oci.digest import hasher
from entrepot.upstream.cache.pour import Pour
from entrepot.upstream.cache.veil import Followed, Lies
from entrepot.upstream.place import CHUNK, UnreachableError

SILENCE = 45.0
"""Seconds after which it is fetched once more rather than that nothing comes: proxies cut an answer
off that is silent for a minute, and a kubelet gives up after five.
"""
_GLANCE = 0.02
"""Seconds between two looks at a file that grows."""
_LONGEST = 0.1
"""Seconds after which it is looked whether all is there."""


class ApartError(Exception):
    """The upstream does not say that the repository has what is fetched for another one."""


class Behind:
    """One blob that is fetched already."""

    def __init__(
        self, database: Database, store: Store, pour: Pour, here: Mapping[str, Pour]
    ) -> None:
        """`here` is what this process fetches, by what it is."""
        self._database = database
        self._store = store
        self._pour = pour
        self._here = here
        self._ahead: Pour | None = None
        """Whose bytes are handed out, where this process fetches them."""
        self._lies: Lies | None = None
        self._piece = ""
        self._until = time.monotonic() + SILENCE

    async def wait(self, seconds: float) -> bool:
        """Hand out what comes for about so long; whether to go on with that.

        Raises `ApartError`, `UpstreamError`; `UnreachableError` where what was handed out is of a
        fetch that nobody goes on with.
        """
        await self._look()
        if self._lies is None:
            await asyncio.sleep(seconds)
            return self._pour.what in self._here or time.monotonic() < self._until
        end = time.monotonic() + min(seconds, _LONGEST)
        while time.monotonic() < end:
            self._pour.tail.reach(min(self._reached(self._lies), self._pour.blob.size))
            await asyncio.sleep(_GLANCE)
        return True

    def _reached(self, lies: Lies) -> int:
        if isinstance(lies, Followed):
            return lies.size()
        return self._ahead.reached if self._ahead is not None else 0

    async def _look(self) -> None:
        """See whether the other one has something; what it fetches for another repository is not
        handed out before the upstream said that this one has it, too.
        """
        begun = await self._begun()
        if begun is None:
            return
        if self._lies is not None:
            self.check([begun.piece])
            return
        if begun.repository != self._pour.repository.name and not await self._pour.may_share():
            raise ApartError
        lies = await self._opened(begun.piece)
        if lies is None:
            self._pour.tail.announce()
            return
        self._lies, self._piece = lies, begun.piece
        self._pour.tail.lie(lies)

    async def _begun(self) -> Begun | None:
        ahead = self._here.get(self._pour.what)
        if ahead is None:
            return await self._database.read(partial(fetches.begun, what=self._pour.what))
        return Begun(ahead.repository.name, ahead.piece) if ahead.reached else None

    async def _opened(self, piece: str) -> Lies | None:
        """Where the bytes of a piece can be read."""
        ahead = self._here.get(self._pour.what)
        if ahead is not None and ahead.piece == piece and ahead.tail.lies is not None:
            self._ahead = ahead
            return ahead.tail.lies.lend()
        file = await aside(self._store.peek, piece) if piece else None
        return Followed(file) if file is not None else None

    def check(self, names: Container[str]) -> None:
        """Raise where what was handed out lies in none of these pieces: what comes elsewhere may be
        something else, and nobody is to get a bit of both.
        """
        if self._lies is not None and self._piece not in names:
            raise UnreachableError(f"a fetch of {self._pour.blob.digest} broke off: ask again")

    async def confirm(self, names: Container[str]) -> None:
        """The same of a blob that is here, in these pieces: it may lie in those of somebody who had
        it before, though what was handed out is all of it as well.
        """
        if self._lies is None or self._piece in names:
            return
        if not await aside(self._is_whole, self._lies):
            self.check(names)

    def _is_whole(self, lies: Lies) -> bool:
        blob, place = self._pour.blob, 0
        found = hasher(blob.digest.algorithm)
        with closing(lies.open()) as file, suppress(OSError):
            while place < blob.size:
                piece = lies.read(file, min(CHUNK, blob.size - place), place)
                found.update(piece)
                place += len(piece)
        return found.hexdigest() == blob.digest.hex
