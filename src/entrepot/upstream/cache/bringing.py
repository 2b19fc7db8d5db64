"""`Bringing`: a blob of an upstream is fetched once for all who want it, and the others follow.

That is so for all repositories of a project and all processes; a repository of which the upstream
does not say that it has what is fetched for another one gets a fetch of its own. Next: `behind`
hands out what another one fetches, `fetching` fetches.
"""

from contextlib import suppress
from functools import partial
from pathlib import Path

from entrepot.blobstore.store import Store
from entrepot.db import blobs
from entrepot.db.database import Database
from entrepot.upstream.cache.behind import ApartError, Behind
from entrepot.upstream.cache.fetching import Fetching
from entrepot.upstream.cache.leases import Leases
from entrepot.upstream.cache.pour import Pour


class Bringing:
    """What brings the blobs of one process."""

    def __init__(
        self, database: Database, store: Store, leases: Leases, *, folder: Path, expiry: float
    ) -> None:
        self._database, self._store, self._leases = database, store, leases
        self._fetching = Fetching(database, store, leases, folder=folder, expiry=expiry)
        self._here: dict[str, Pour] = {}
        """What is fetched by this process, and not by another one."""

    async def bring(self, pour: Pour) -> None:
        """Have it here. Raises `UpstreamError`, `OCIError`, OSError, sqlite3.Error."""
        behind = Behind(self._database, self._store, pour, self._here)
        linked, fetch = partial(self._linked, pour, behind), partial(self._fetch, pour, behind)
        with suppress(ApartError):
            await self._leases.first(pour.what, linked, fetch, behind.wait)
            return
        pour.apart = True
        await self.bring(pour)

    async def _fetch(self, pour: Pour, behind: Behind) -> bool | None:
        what = pour.what
        self._here.setdefault(what, pour)
        try:
            came = await self._fetching.fetch(pour)
        finally:
            if self._here.get(what) is pour:
                del self._here[what]
        return came or await self._linked(pour, behind)

    async def _linked(self, pour: Pour, behind: Behind) -> bool | None:
        """Whether it is here by now."""
        find = partial(blobs.find, repository=pour.repository, digest=pour.blob.digest)
        found = await self._database.read(find)
        if found is None or found.lost:
            return None
        await behind.confirm([piece.name for piece in found.pieces])
        return True
