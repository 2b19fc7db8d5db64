"""`Fetching`: a blob from upstream into the database or the store, once it has the lease.

What another repository of the project has is not fetched again where the upstream says that this
one has it, too; what other projects have is, since an upstream that lies would else be given what
is not its own. Next: `pour` brings the bytes.
"""

import asyncio
import contextlib
import secrets
import sqlite3
from functools import partial
from pathlib import Path

from entrepot.blobstore.aside import aside
from entrepot.blobstore.store import Store, has_room
from entrepot.db import blobs, fetches, pieces, quotas
from entrepot.db.blobs import Blob as Row
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.fetches import Begun
from entrepot.db.pieces import SMALL, Piece
from entrepot.oci.digest import Digest
from entrepot.upstream.cache import told
from entrepot.upstream.cache.leases import Leases
from entrepot.upstream.cache.pour import Pour, WrongError
from entrepot.upstream.place import Blob, UpstreamError
from entrepot.upstream.readable import ReadableRepository

_TELLS = 600.0
"""Seconds between two times that it is said of a blob that it still comes."""


class Fetching:
    """What fetches blobs, and writes down what came."""

    def __init__(
        self, database: Database, store: Store, leases: Leases, *, folder: Path, expiry: float
    ) -> None:
        self._database, self._store, self._leases = database, store, leases
        self._folder = folder
        self._expiry = expiry
        """Seconds after which a piece that nobody writes is given up."""

    async def fetch(self, pour: Pour) -> bool:
        """Have it here; whether it came, and was not there for another repository.

        Raises `UpstreamError`, `OCIError`, OSError, sqlite3.Error.
        """
        if await self._is_sibling(pour):
            link = partial(blobs.link, repository=pour.repository, digest=pour.blob.digest)
            if await self._database.write(link):
                return False
        await (self._small(pour) if pour.blob.size <= SMALL else self._large(pour))
        return True

    async def _is_sibling(self, pour: Pour) -> bool:
        """Whether another repository of the project has it, and the upstream says the same."""
        project, digest = pour.repository.project, pour.blob.digest
        if not await self._database.read(partial(quotas.has, project=project, digest=str(digest))):
            return False
        if await self._is_lost(digest):
            return False
        return await pour.may_share()

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
        pour.remote.check(pour.repository)  # an attempt; small ones' are counted by `ask`
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
        if not has_room(self._folder, blob.size):
            raise told.no_room(blob)

    async def _poured(self, pour: Pour, piece: Piece) -> Piece:
        """It must be out of the thread before anybody says what became of the piece."""
        loop = asyncio.get_running_loop()
        into = partial(pour.into, self._store, piece, self._folder)
        running = loop.run_in_executor(pour.remote.fetching(pour.blob.size), into)
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


def _whole(blob: Blob, there: ReadableRepository) -> bytes:
    content = bytearray()
    for part in there.blob(blob):
        content += part
        if len(content) > blob.size:
            raise UpstreamError(f"{there} sends more for {blob.digest} than it has")
    return bytes(content)


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
