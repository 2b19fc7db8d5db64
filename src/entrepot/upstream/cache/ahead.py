"""`Ahead`: fetches all of an image before anybody asks for it, where its upstream says so.

One image at a time, and one blob of it: whoever waits for something goes before.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from entrepot.db import blobs
from entrepot.db.database import Database
from entrepot.db.manifests import Stored
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository
from entrepot.upstream.cache.blobs import Blobs
from entrepot.upstream.cache.remote import Remote

MOST = 100
"""Images that wait; of those beyond parts are fetched when they are asked for."""
MOST_PARTS = 500
"""Manifests of one image: no more than would come of as many levels as Python has."""

Find = Callable[[Remote, Repository, Digest], Awaitable[Stored]]
"""Gets a manifest by its digest. Raises `OCIError`."""

_log = logging.getLogger("entrepot.cache")


class Ahead:
    """What is to be fetched in this process."""

    def __init__(self, database: Database, blobs: Blobs, find: Find) -> None:
        self._database = database
        self._blobs = blobs
        self._find = find
        self._waiting: dict[str, tuple[Remote, Repository, Stored]] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, remote: Remote, repository: Repository, stored: Stored) -> None:
        """Have all that a manifest needs fetched."""
        if len(self._waiting) >= MOST:
            return
        self._waiting[f"{repository}@{stored.digest}"] = remote, repository, stored
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._waiting:
            what = next(iter(self._waiting))
            remote, repository, stored = self._waiting.pop(what)
            try:
                await self._all(remote, repository, stored, set())
            except OCIError as error:
                _log.warning("%s is not fetched whole: %s", what, error.message)
            except Exception:  # noqa: BLE001 - the next one may go better
                _log.exception("%s is not fetched whole", what)

    async def _all(
        self, remote: Remote, repository: Repository, stored: Stored, seen: set[Digest]
    ) -> None:
        """What a manifest needs, and what its children do; each once, in however many it is."""
        manifest = await asyncio.to_thread(Manifest.read, stored.content, stored.media_type)
        for part in manifest.children:
            if part.digest not in seen and len(seen) < MOST_PARTS:
                seen.add(part.digest)
                child = await self._find(remote, repository, part.digest)
                await self._all(remote, repository, child, seen)
        for digest in dict.fromkeys(part.digest for part in manifest.blobs):
            find = partial(blobs.find, repository=repository, digest=digest)
            if await self._database.read(find) is None:
                tail = await self._blobs.find(remote, repository, digest)
                if tail is not None:
                    await tail.finish()

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
