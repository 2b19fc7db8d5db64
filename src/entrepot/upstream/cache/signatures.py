"""Signatures of upstreams' images, fetched where a project demands them: once, and kept.

Cosign's tag and what refers to the image, by the API or the tag that stands for it, as anything
else is fetched; of these the small documents that sign. Whether upstream has more is asked again
once a tag's time is over, where what is kept does not do. Next: `distribution.signed` judges.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from itertools import islice
from typing import Any

from entrepot.db import blobs, fetches, manifests, repositories
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.manifests import Stored
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository, Tag
from entrepot.signatures import attached, demands
from entrepot.signatures.found import ARTIFACTS, MOST, cosign_tag
from entrepot.upstream.cache import keeping, told
from entrepot.upstream.cache.blobs import Blobs
from entrepot.upstream.cache.flights import Flights
from entrepot.upstream.cache.lately import Lately
from entrepot.upstream.cache.leases import Leases
from entrepot.upstream.cache.manifests import STALE_SECONDS, Manifests, Question
from entrepot.upstream.cache.remote import Remote
from entrepot.upstream.place import UnknownError, UpstreamError
from entrepot.upstream.referring import stand_in

PATIENCE = 10.0
"""Seconds for which a pull waits for signatures; they are fetched on meanwhile."""

_ABOVE = 5
"""Indexes above an image whose signatures are asked for, the newest first."""
_MANY = "%s@%s: %s lists %d signatures, of which the first %d are looked at"
_SLOW = f"takes longer than {PATIENCE:g} s"

_log = logging.getLogger("entrepot.cache")


class Signatures:
    """Those of all upstreams, in this process."""

    def __init__(
        self, database: Database, leases: Leases, manifests: Manifests, blobs: Blobs
    ) -> None:
        self._database, self._leases = database, leases
        self._manifests, self._blobs = manifests, blobs
        self._flights: Flights[str] = Flights()
        self._failed = Lately(STALE_SECONDS)

    async def seek(
        self, remote: Remote, repository: Repository, digest: Digest
    ) -> AsyncIterator[str]:
        """Have what says that a manifest may be pulled, step by step: its own content, if it is a
        signature; its signatures, and those of indexes above it. Each step yields why that may not
        be all there is, "" where it is.
        """
        until = time.monotonic() + PATIENCE
        kept = await self._database.read(partial(_kept, repository=repository, digest=digest))
        if kept is not None and (parts := await self._lacking(repository, kept)):
            fetch = partial(self._bring, remote, repository, parts)
            what = f"{repository}@{digest} content"
            yield await self._once(remote, repository, what, fetch, until)
        for each in (
            digest,
            *await self._database.read(partial(_above, repository=repository, digest=digest)),
        ):
            yield await self._asked(remote, repository, each, until)

    async def _asked(
        self, remote: Remote, repository: Repository, digest: Digest, until: float
    ) -> str:
        """Have the signatures of a digest, unless it was looked for them lately."""
        fresh = partial(self._fresh, remote, repository, digest)
        if await fresh() is not None:
            return ""
        what = f"{repository}@{digest} signatures"
        fetch = partial(self._fetch, remote, repository, digest)
        make = partial(self._leases.first, what, fresh, fetch)
        return await self._once(remote, repository, what, make, until)

    async def _once(
        self,
        remote: Remote,
        repository: Repository,
        what: str,
        make: Callable[[], Coroutine[Any, Any, str]],
        until: float,
    ) -> str:
        """What comes of it, however many wait, if it comes in time."""
        if (why := self._failed.get(what)) is not None:
            return why
        task = self._flights.begin(what, make)
        await asyncio.wait({task}, timeout=max(0.0, until - time.monotonic()))
        if not task.done() and self._failed.get(what) is None:
            remote.missed(repository, _SLOW)
        why = task.result() if task.done() else f"{remote.host} {_SLOW}"
        if why:
            self._failed.add(what, why)
        return why

    async def _fresh(self, remote: Remote, repository: Repository, digest: Digest) -> str | None:
        """ "" where some process has looked for signatures so lately that nobody asks again."""
        at = await self._database.read(
            partial(fetches.checked_at, repository=repository, tag=_mark(digest))
        )
        return "" if keeping.left(at, remote.row.tag_seconds) > 0 else None

    async def _fetch(self, remote: Remote, repository: Repository, digest: Digest) -> str:
        tag = cosign_tag(digest)
        named = (self._one(Question(remote, repository, tag)),) if tag else ()
        whys = await asyncio.gather(*named, self._referring(remote, repository, digest))
        why = next(filter(None, whys), "")
        if not why:
            await self._database.note(
                partial(fetches.checked, repository=repository, tag=_mark(digest), at=time.time())
            )
        return why

    async def _referring(self, remote: Remote, repository: Repository, digest: Digest) -> str:
        try:
            told.check(remote, repository)
            found = await remote.ask(
                repository, lambda there: there.referrers(digest, ARTIFACTS, sure=True)
            )
        except (OCIError, UpstreamError) as error:
            known = isinstance(error, UnknownError) and error.sure
            return "" if known else str(error)
        if len(found) > MOST:
            _log.warning(_MANY, repository, digest, remote.host, len(found), MOST)
        whys = [await self._one(Question(remote, repository, each)) for each in found[:MOST]]
        return next(filter(None, whys), "")

    async def _one(self, asked: Question) -> str:
        """Have a manifest that carries signatures, and these."""
        try:
            found = await self._manifests.find(asked)
        except OCIError as error:
            return _why(error)
        parts = await self._lacking(asked.repository, found.stored)
        return found.warning or await self._bring(asked.remote, asked.repository, parts)

    async def _lacking(self, repository: Repository, stored: Stored) -> list[Digest]:
        """What of a manifest may be signatures, and is not here."""
        manifest = await asyncio.to_thread(Manifest.read, stored.content, stored.media_type)
        parts = [part.digest for part in attached.evidence(manifest)]
        return await self._database.read(partial(_unlinked, repository=repository, parts=parts))

    async def _bring(self, remote: Remote, repository: Repository, parts: list[Digest]) -> str:
        whys = []
        for part in parts:
            try:
                await self._blobs.have(remote, repository, part)
            except OCIError as error:  # the others may do
                whys.append(_why(error))
        return next(filter(None, whys), "")

    async def close(self) -> None:
        """Stop what is under way."""
        await self._flights.close()


def _kept(db: Connection, repository: Repository, digest: Digest) -> Stored | None:
    found = manifests.find(db, repository, digest)
    return found if found is not None and found.content else None


def _unlinked(db: Connection, repository: Repository, parts: list[Digest]) -> list[Digest]:
    return [part for part in parts if blobs.find(db, repository, part) is None]


def _above(db: Connection, repository: Repository, digest: Digest) -> list[Digest]:
    number = repositories.identify(db, repository)
    if number is None:
        return []
    found = islice(demands.above(db, (number, repository), str(digest)), _ABOVE)
    return [Digest.parse(each) for each in found]


def _mark(digest: Digest) -> Tag:
    """The tag that stands for what refers to a digest: when it was asked for all of that."""
    return Tag(stand_in(digest))


def _why(error: OCIError) -> str:
    """Why something did not come; what upstream names, and says that it does not have, will not."""
    known = error.code in told.NOT_THERE and not isinstance(error, told.DoubtError)
    return "" if known else error.message
