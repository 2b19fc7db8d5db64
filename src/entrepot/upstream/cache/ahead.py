"""`Ahead`: fetches all of an image before anybody asks for it, where its upstream says so.

Of each upstream one image at a time, and one blob of it: whoever waits for something goes before,
and one that is slow holds up no other. What its upstream lacks is left out, and told.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from entrepot.db import blobs
from entrepot.db.database import Database
from entrepot.db.manifests import Stored
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository
from entrepot.upstream.cache import told
from entrepot.upstream.cache.blobs import Blobs
from entrepot.upstream.cache.remote import Remote

MOST = 100
"""Images of an upstream that wait; of those beyond parts are fetched when they are asked for."""
MOST_PARTS = 500
"""Manifests of one image: no more than would come of as many levels as Python has."""

Find = Callable[[Remote, Repository, Digest], Awaitable[Stored]]
"""Gets a manifest by its digest. Raises `OCIError`."""

Waiting = dict[str, tuple[Remote, Repository, Stored]]
"""Images of one upstream, by their names."""

_log = logging.getLogger("entrepot.cache")


class Ahead:
    """What is to be fetched in this process."""

    def __init__(self, database: Database, blobs: Blobs, find: Find) -> None:
        self._database = database
        self._blobs = blobs
        self._find = find
        self._waiting = defaultdict[str, Waiting](dict)
        """By the project."""
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def add(self, remote: Remote, repository: Repository, stored: Stored) -> None:
        """Have all that a manifest needs fetched."""
        project = repository.project
        waiting, task = self._waiting[project], self._tasks.get(project)
        if len(waiting) >= MOST:
            return
        waiting[f"{repository}@{stored.digest}"] = remote, repository, stored
        if task is None or task.done():
            self._tasks[project] = asyncio.create_task(self._run(waiting))

    async def _run(self, waiting: Waiting) -> None:
        while waiting:
            what = next(iter(waiting))
            remote, repository, stored = waiting.pop(what)
            image = _Image(remote, repository)
            try:
                await self._all(image, stored)
            except OCIError as error:
                image.lacks.append(error.message)
            except Exception:  # noqa: BLE001 - the next one may go better
                _log.exception("%s is not fetched whole", what)
            if image.lacks:
                _log.warning("%s is not fetched whole: %s", what, image.lacks[0])

    async def _all(self, image: "_Image", stored: Stored) -> None:
        """What a manifest needs, and what its children do; each once, in however many it is."""
        manifest = await asyncio.to_thread(Manifest.read, stored.content, stored.media_type)
        for part in manifest.children:
            if part.digest not in image.seen and len(image.seen) < MOST_PARTS:
                image.seen.add(part.digest)
                with image.going_on():
                    child = await self._find(image.remote, image.repository, part.digest)
                    await self._all(image, child)
        for digest in dict.fromkeys(part.digest for part in manifest.blobs):
            find = partial(blobs.find, repository=image.repository, digest=digest)
            if await self._database.read(find) is None:
                with image.going_on():
                    await self._blobs.have(image.remote, image.repository, digest)

    async def close(self) -> None:
        """Stop."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Image:
    """One that is being fetched."""

    remote: Remote
    repository: Repository
    seen: set[Digest] = field(default_factory=set)
    """Its manifests."""
    lacks: list[str] = field(default_factory=list)
    """Why parts of it did not come."""

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Leave a part that upstream lacks, such as a platform that was deleted there; whatever
        else is wrong with one is so with all.
        """
        try:
            yield
        except OCIError as error:
            if error.code not in told.NOT_THERE:
                raise
            self.lacks.append(error.message)
