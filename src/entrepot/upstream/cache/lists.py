"""Lists of upstreams: which tags a repository has there, and what refers to a manifest.

Tags are only told; what refers to a manifest is fetched, manifest by manifest, and then listed as
what is kept. Both are asked for again once a tag's time is over. Next: `distribution.lists`.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import TypeVar

from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository, Tag
from entrepot.upstream.cache import told
from entrepot.upstream.cache.flights import Flights
from entrepot.upstream.cache.manifests import Manifests, Question
from entrepot.upstream.cache.remote import Remote
from entrepot.upstream.place import UnknownError, UpstreamError
from entrepot.upstream.readable import ReadableRepository

V = TypeVar("V")

MOST = 100
"""Lists that are kept in memory."""
MOST_REFERRING = 1000
"""Manifests that are fetched since they refer to one."""
_AT_ONCE = 4
_PAGES = 100
"""Of a thousand tags each."""


class Lists:
    """Those of all upstreams, in this process."""

    def __init__(self, manifests: Manifests) -> None:
        self._manifests = manifests
        self._tags: OrderedDict[str, tuple[float, list[str]]] = OrderedDict()
        self._looked: OrderedDict[str, tuple[float, str]] = OrderedDict()
        """When it was looked for what refers to a manifest, and why that is not all there is."""
        self._listing: Flights[list[str]] = Flights()
        self._looking: Flights[str] = Flights()

    async def tags(self, remote: Remote, repository: Repository) -> list[str]:
        """All tags there, in order of their bytes. Raises `UpstreamError`, `OCIError`."""
        told.check(remote, repository)
        what = repository.name
        at, names = self._tags.get(what, (float("-inf"), []))
        if time.monotonic() - at < remote.row.tag_seconds:
            return names
        return await self._listing.once(what, partial(self._list, remote, repository))

    async def _list(self, remote: Remote, repository: Repository) -> list[str]:
        names = await remote.ask(repository, _tags)
        _keep(self._tags, repository.name, (time.monotonic(), names))
        return names

    async def referrers(self, remote: Remote, repository: Repository, digest: Digest) -> str:
        """Have what refers to a manifest there; why that is not all there is, "" where it is.
        Raises `UpstreamError`, `OCIError`.
        """
        told.check(remote, repository)
        what = f"{repository}@{digest}"
        at, lacks = self._looked.get(what, (float("-inf"), ""))
        if time.monotonic() - at < remote.row.tag_seconds:
            return lacks
        return await self._looking.once(what, partial(self._fetch, remote, repository, digest))

    async def _fetch(self, remote: Remote, repository: Repository, digest: Digest) -> str:
        try:
            found = await remote.ask(repository, lambda there: there.referrers(digest, sure=True))
        except UnknownError as error:
            if not error.sure:
                raise
            found = []
        failed = await self._all(remote, repository, found[:MOST_REFERRING])
        if failed:
            raise UpstreamError(failed)
        cut = len(found) > MOST_REFERRING
        lacks = f"the first {MOST_REFERRING} of {len(found)} at {remote.host}" if cut else ""
        _keep(self._looked, f"{repository}@{digest}", (time.monotonic(), lacks))
        return lacks

    async def _all(self, remote: Remote, repository: Repository, digests: Sequence[Digest]) -> str:
        """Have manifests, some at once; why one did not come, "" where all did."""
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(digest: Digest) -> str:
            async with room:
                try:
                    await self._manifests.find(Question(remote, repository, digest))
                except OCIError as error:  # those that come are told all the same
                    return error.message
            return ""

        return next(filter(None, await asyncio.gather(*map(one, digests))), "")

    async def close(self) -> None:
        """Stop what is under way."""
        await self._listing.close()
        await self._looking.close()


def _tags(there: ReadableRepository) -> list[str]:
    """What an upstream calls a tag may be anything."""
    return sorted({name for name in there.tags(_PAGES) if Tag.fits(name)})


def _keep(kept: OrderedDict[str, V], what: str, value: V) -> None:
    kept.pop(what, None)
    kept[what] = value
    while len(kept) > MOST:
        kept.popitem(last=False)
