"""Blobs of upstreams: fetched once however many ask, and read by all of them while they come.

Only what a manifest of the repository needs is fetched. What another repository of the project has
is not fetched again where the upstream says that this one has it, too; what other projects have
is, since an upstream that lies would else be given what is not its own.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from entrepot.blobstore.aside import aside
from entrepot.blobstore.store import RESERVE, Source, Store, StoreError
from entrepot.db import blobs, fetches, jobs, manifests, pieces, quotas
from entrepot.db.blobs import SMALL
from entrepot.db.blobs import Blob as Row
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.fetches import Begun
from entrepot.db.pieces import Piece
from entrepot.observe.metrics import CACHE_ANSWERS, CACHE_BYTES, Metrics
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository
from entrepot.oci.ranges import Span
from entrepot.upstream.cache import told
from entrepot.upstream.cache.behind import Behind
from entrepot.upstream.cache.leases import Leases, heard
from entrepot.upstream.cache.pour import Pour, WrongError
from entrepot.upstream.cache.remote import Remote
from entrepot.upstream.cache.tail import Tail
from entrepot.upstream.place import Blob, UnknownError, UpstreamError
from entrepot.upstream.registry import RegistryRepository

_MAKES_ROOM = "cache"
"""The job."""
_TELLS = 600.0
"""Seconds between two times that it is said of a blob that it still comes."""

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
        self._leases = leases
        self._folder = folder
        self._expiry = expiry
        """Seconds after which a piece that nobody writes is given up."""
        self._tails: dict[str, Tail] = {}
        self._tasks: set[asyncio.Task[None]] = set()
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

    async def size(self, remote: Remote, repository: Repository, digest: Digest) -> int:
        """Bytes of a blob that the upstream has, or that is on its way; nothing is fetched.

        Raises `OCIError`.
        """
        tail = self._tails.get(f"{repository}@{digest}")
        if tail is not None:
            return tail.size
        blob = await self.needed(remote, repository, digest)
        try:
            found = await remote.ask(repository, lambda there: there.serves(blob))
        except UpstreamError as error:
            raise _told(remote, repository, digest, error) from None
        if not found:
            raise unknown(repository, digest)
        return blob.size

    async def needed(self, remote: Remote, repository: Repository, digest: Digest) -> Blob:
        """What a manifest of the repository says of a blob. Raises `OCIError`."""
        if not remote.row.permits(remote.name_there(repository).name):
            raise told.denied(remote.row, repository)
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
        behind = Behind(self._database, self._store, pour)
        linked, fetch = partial(self._linked, pour, behind), partial(self._fetch, pour)
        try:
            await self._leases.first(pour.what, linked, fetch, behind.wait)
            pour.tail.reach(pour.blob.size, verified=True)
        except (UpstreamError, OCIError, OSError, sqlite3.Error) as found:
            error = found
            _log.warning("%s was not kept: %s", what, found)
            if isinstance(found, OCIError):  # there is no room
                self._database.note(partial(jobs.ask, name=_MAKES_ROOM)).add_done_callback(heard)
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

    async def _linked(self, pour: Pour, behind: Behind) -> bool | None:
        """Whether it is here by now."""
        find = partial(blobs.find, repository=pour.repository, digest=pour.blob.digest)
        found = await self._database.read(find)
        if found is None or found.lost:
            return None
        behind.check(piece.name for piece in found.pieces)
        return True

    async def _fetch(self, pour: Pour) -> bool:
        pour.remote.check()
        if await self._is_sibling(pour):
            link = partial(blobs.link, repository=pour.repository, digest=pour.blob.digest)
            if await self._database.write(link):
                return True
        await (self._small(pour) if pour.blob.size <= SMALL else self._large(pour))
        return True

    async def _is_sibling(self, pour: Pour) -> bool:
        """Whether another repository of the project has it, and the upstream says the same."""
        project, digest = pour.repository.project, pour.blob.digest
        if not await self._database.read(partial(quotas.has, project=project, digest=str(digest))):
            return False
        if await self._is_lost(digest):
            return False
        return await pour.remote.ask(pour.repository, lambda there: there.serves(pour.blob))

    async def _is_lost(self, digest: Digest) -> bool:
        known = await self._database.read(partial(blobs.stored, digest=digest))
        if known is None or known.object is None:
            return False
        return known.lost or not await self._store.holds(known.pieces)

    async def _small(self, pour: Pour) -> None:
        """One that lies in the database."""
        blob = pour.blob
        content = await pour.remote.ask(pour.repository, partial(_whole, blob))
        if Digest.of(content, blob.digest.algorithm) != blob.digest:
            raise UpstreamError(f"{pour.remote.row.url} sent something else for {blob.digest}")
        pour.size = len(content)
        row = Row(len(content), content, None)
        add = partial(
            blobs.add, repository=pour.repository, digest=blob.digest, blob=row, renew=False
        )
        await self._database.write(add)

    async def _large(self, pour: Pour) -> None:
        """One that lies in the store; the database knows of its piece before the store does."""
        self._check_disk(pour.blob)
        owner, piece = secrets.token_hex(16), Piece.new(self._database.keyring)
        left = await self._leases.left(pour.what, pour.repository)
        pour.left = await aside(self._store.peek, left) if left else None
        holder = self._leases.holder
        begin = partial(_begin, pour=pour, owner=owner, piece=piece, holder=holder, left=left)
        await self._database.note(begin)
        keeping = asyncio.create_task(self._keep(pour, piece))
        try:
            piece = await self._poured(pour, piece)
            renew = await self._is_lost(pour.blob.digest)
            settle = partial(
                _settle, pour=pour, owner=owner, piece=piece, renew=renew, holder=holder
            )
            await self._database.write(settle)
        except BaseException as error:
            give_up = partial(_give_up, pour=pour, piece=piece, holder=holder, error=error)
            with contextlib.suppress(RuntimeError):  # the process ends: the piece is found stale
                await self._database.note(give_up)
            raise
        finally:
            keeping.cancel()
            if pour.left is not None:
                pour.left.close()

    def _check_disk(self, blob: Blob) -> None:
        """Raise UNAVAILABLE (507) for what cannot come to its end. Also what goes to an object
        store lies here while it comes.
        """
        found = os.statvfs(self._folder)
        if found.f_bavail * found.f_frsize < blob.size + RESERVE:
            raise told.no_room(blob)

    async def _poured(self, pour: Pour, piece: Piece) -> Piece:
        """It must be out of the thread before anybody says what became of the piece."""
        loop = asyncio.get_running_loop()
        into = partial(pour.into, self._store, piece, self._folder)
        running = loop.run_in_executor(pour.remote.fetching, into)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            running.exception()  # nobody asks for it any more
            raise

    async def _keep(self, pour: Pour, piece: Piece) -> None:
        """Say that bytes have come, and that more do."""
        await pour.tail.start()
        shown = piece.name if pour.tail.lies is not None and pour.tail.lies.bare else ""
        while True:
            with contextlib.suppress(sqlite3.Error):
                await self._leases.tell(pour.what, Begun(pour.repository.name, shown))
                await self._database.note(partial(pieces.renew, name=piece.name))
            await asyncio.sleep(min(self._expiry / 3, _TELLS))

    def _count(self, pour: Pour, result: str) -> None:
        self._metrics.add(CACHE_ANSWERS, 1, f"{pour.repository.project},blob,{result}")


def _whole(blob: Blob, there: RegistryRepository) -> bytes:
    content = bytearray()
    for part in there.blob(blob):
        content += part
        if len(content) > blob.size:
            raise UpstreamError(f"{there} sends more for {blob.digest} than it has")
    return bytes(content)


async def _of(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _begin(db: Connection, *, pour: Pour, owner: str, piece: Piece, holder: str, left: str) -> None:
    pieces.begin(db, owner, piece)
    if left:
        fetches.take(db, pour.what, holder, left)
        pieces.drop(db, left, "its fetch broke off, and went on in another piece")


def _give_up(db: Connection, pour: Pour, piece: Piece, holder: str, error: BaseException) -> None:
    """Leave what has come to the next one, where it merely broke off and can be read."""
    broke_off = isinstance(error, UpstreamError | asyncio.CancelledError)
    good = broke_off and not isinstance(error, WrongError)
    if good and fetches.leave(db, pour.what, holder, piece.name):
        return
    fetches.release(db, pour.what, holder)
    pieces.drop(db, piece.name, "it was not fetched to its end")


def _settle(
    db: Connection, pour: Pour, owner: str, piece: Piece, *, renew: bool, holder: str
) -> None:
    fetches.release(db, pour.what, holder)
    if not pieces.settle(db, owner, piece):
        raise UpstreamError("its piece was given up meanwhile")
    row = Row(piece.size, None, owner)
    blobs.add(db, pour.repository, pour.blob.digest, row, renew=renew)


def unknown(repository: Repository, digest: Digest) -> OCIError:
    """The error for a blob that no manifest of the repository needs, or the upstream lacks."""
    return OCIError(
        Code.BLOB_UNKNOWN, f"{repository} has no blob {digest}", detail={"digest": str(digest)}
    )


def _told(remote: Remote, repository: Repository, digest: Digest, error: Exception) -> Exception:
    if isinstance(error, UnknownError):
        return unknown(repository, digest)
    if isinstance(error, UpstreamError):
        return told.failure(remote.row, repository, error)
    return error
