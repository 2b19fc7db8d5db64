"""Blobs of upstreams: fetched once however many ask, and read by all of them while they come.

Only what a manifest of the repository needs is fetched. Next: `bringing` has one fetched.
"""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from entrepot.blobstore.store import Source, Store, StoreError
from entrepot.db import blobs, jobs, manifests
from entrepot.db.database import Database
from entrepot.observe.metrics import CACHE_ANSWERS, CACHE_BYTES, Metrics
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository
from entrepot.oci.ranges import Span
from entrepot.upstream.cache import told
from entrepot.upstream.cache.bringing import Bringing
from entrepot.upstream.cache.flights import Flights
from entrepot.upstream.cache.keeping import MAKES_ROOM
from entrepot.upstream.cache.leases import Leases, heard
from entrepot.upstream.cache.pour import Pour
from entrepot.upstream.cache.remote import Remote
from entrepot.upstream.cache.tail import Tail
from entrepot.upstream.place import Blob, RefusedError, UnknownError, UpstreamError

_log = logging.getLogger("entrepot.cache")


class Blobs:
    """Those of all upstreams, in this process."""

    def __init__(
        self,
        database: Database,
        store: Store,
        metrics: Metrics,
        leases: Leases,
        *,
        folder: Path,
        expiry: float,
    ) -> None:
        self._database = database
        self._store = store
        self._metrics = metrics
        self._bringing = Bringing(database, store, leases, folder=folder, expiry=expiry)
        self._tails: dict[str, Tail] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: Flights[bool] = Flights()
        """Which of those that are not fetched the upstream has."""
        self._stop = threading.Event()

    async def find(self, remote: Remote, repository: Repository, digest: Digest) -> Tail | None:
        """A blob that is being fetched, of which something is there; None where it is kept by now.

        Raises `OCIError`.
        """
        what = f"{repository}@{digest}"
        tail = self._tails.get(what)
        if tail is None:
            blob = await self.needed(remote, repository, digest)
            tail = self._tails.get(what) or self._begin(what, remote, repository, blob)
        await tail.start()
        if tail.error is not None:
            raise _told(remote, repository, digest, tail.error)
        return None if tail.ended else tail

    async def have(self, remote: Remote, repository: Repository, digest: Digest) -> None:
        """Have all of a blob here. Raises `OCIError`."""
        tail = await self.find(remote, repository, digest)
        if tail is not None:
            await tail.finish()
            if tail.error is not None:
                raise _told(remote, repository, digest, tail.error)

    async def size(self, remote: Remote, repository: Repository, digest: Digest) -> int:
        """Bytes of a blob that the upstream has, or that is on its way; nothing is fetched.

        Raises `OCIError`.
        """
        tail = self._tails.get(f"{repository}@{digest}")
        if tail is not None:
            return tail.size
        blob = await self.needed(remote, repository, digest)
        ask = partial(remote.ask, repository, lambda there: there.serves(blob))
        try:
            found = await self._looking.once(f"{repository}@{digest}", ask)
        except UpstreamError as error:
            raise _told(remote, repository, digest, error) from None
        if not found:
            raise unknown(repository, digest)
        return blob.size

    async def needed(self, remote: Remote, repository: Repository, digest: Digest) -> Blob:
        """What a manifest of the repository says of a blob. Raises `OCIError`."""
        told.check(remote, repository)
        query = partial(manifests.needing, repository=repository, digest=digest)
        stored = await self._database.read(query)
        if stored is None:
            raise unknown(repository, digest)
        read = partial(Manifest.read, stored.content, stored.media_type)
        manifest = await asyncio.to_thread(read)
        parts = (*manifest.blobs, *manifest.children)
        size = next(part.size for part in parts if part.digest == digest)
        return Blob(digest, size)

    def stop(self) -> None:
        """Have what is under way not try again."""
        self._stop.set()

    async def close(self) -> None:
        """Wait until it has ended."""
        await self._looking.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, what: str, remote: Remote, repository: Repository, blob: Blob) -> Tail:
        stored = partial(self._stored, repository, blob.digest)
        tail = self._tails[what] = Tail(blob.size, stored)
        pour = Pour(remote, repository, blob, tail, self._stop)
        task = asyncio.create_task(self._run(what, pour))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return tail

    async def _run(self, what: str, pour: Pour) -> None:
        """Fetch one, in one process of all."""
        error: Exception | None = None
        try:
            await self._bringing.bring(pour)
            pour.tail.reach(pour.blob.size, verified=True)
        except (UpstreamError, OCIError, OSError, sqlite3.Error) as found:
            error = found
            why = found.bare if isinstance(found, RefusedError) else found
            _log.warning("%s was not kept: %s", what, why)
            if isinstance(found, OCIError):  # there is no room
                self._database.note(partial(jobs.ask, name=MAKES_ROOM)).add_done_callback(heard)
        except asyncio.CancelledError:
            error = UpstreamError("the server stops")
            raise
        except Exception as found:  # noqa: BLE001 - whoever waits must be told
            error = found
            _log.exception("%s was not fetched", what)
        finally:
            self._count(pour, "failed" if error else "fetched")
            came = pour.size - pour.adopted
            self._metrics.add(CACHE_BYTES, came, pour.repository.project)
            del self._tails[what]
            pour.tail.end(error)

    async def _stored(self, repository: Repository, digest: Digest, span: Span) -> Source:
        """One that is here by now."""
        find = partial(blobs.find, repository=repository, digest=digest)
        found = await self._database.read(find)
        if found is None:
            raise StoreError(f"{digest} was fetched, and is gone again")
        if found.content is not None:
            return Source(len(span), stream=_of(found.content[span.start : span.stop]))
        return await self._store.open(found.pieces, span)

    def _count(self, pour: Pour, result: str) -> None:
        self._metrics.add(CACHE_ANSWERS, 1, f"{pour.repository.project},blob,{result}")


async def _of(content: bytes) -> AsyncIterator[bytes]:
    yield content


def unknown(repository: Repository, digest: Digest) -> OCIError:
    """The error for a blob that no manifest of the repository needs, or the upstream lacks."""
    return OCIError(
        Code.BLOB_UNKNOWN, f"{repository} has no blob {digest}", detail={"digest": str(digest)}
    )


def _told(remote: Remote, repository: Repository, digest: Digest, error: Exception) -> Exception:
    if isinstance(error, UnknownError) and error.sure:
        return unknown(repository, digest)
    if isinstance(error, UpstreamError):
        return told.failure(remote.row, repository, error, Code.BLOB_UNKNOWN)
    return error
