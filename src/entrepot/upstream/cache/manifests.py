"""Manifests of upstreams: what is kept, compared with the upstream now and then, and fetched.

What comes is what its digest says, or it is not kept (`upstream.readable`). A manifest is kept
before its parts are: these come when somebody asks for them. While an upstream fails, what is kept
is served with a warning. Next: `keeping` writes down, `told` says what went wrong.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from entrepot.auth.trail import Trail
from entrepot.db import fetches
from entrepot.db.audit import Event
from entrepot.db.database import Database
from entrepot.db.manifests import Stored
from entrepot.db.trash import Keep
from entrepot.db.upstreams import Upstream
from entrepot.observe.metrics import CACHE_ANSWERS, Metrics
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.manifest import MAX_BYTES, Manifest
from entrepot.oci.names import Reference, Repository, Tag
from entrepot.upstream.cache import keeping, told
from entrepot.upstream.cache.flights import Flights
from entrepot.upstream.cache.lately import Lately
from entrepot.upstream.cache.leases import Leases
from entrepot.upstream.cache.remote import Remote
from entrepot.upstream.place import (
    BrokenError,
    MethodError,
    RefusedError,
    UnknownError,
    UpstreamError,
)

STALE = "serve stale"
"""The action of the row that says so in the audit."""
STALE_SECONDS = 10.0
"""For which what may be old is served before its upstream is asked again."""
MISSING_SECONDS = 60.0
"""For which what is not there is not asked for again; a tag, for no longer than it is good."""
_LOGS = 3600.0
"""Seconds after which the log says again that a tag may be old; the audit has each time."""
PATIENCE = 4.0
"""Seconds that an upstream has to answer where something is kept."""

_FOR_EVER = float("inf")
_SLOW = f"takes longer than {PATIENCE:g} s"

_log = logging.getLogger("entrepot.cache")


@dataclass(frozen=True, slots=True)
class Found:
    """A manifest, and for how many seconds it is good."""

    stored: Stored
    seconds: float = _FOR_EVER
    warning: str = ""
    """Why it may be old."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of an upstream."""

    remote: Remote
    repository: Repository
    """Its name here."""
    reference: Reference

    def __str__(self) -> str:
        sign = "@" if isinstance(self.reference, Digest) else ":"
        return f"{self.repository}{sign}{self.reference}"


class Manifests:
    """Those of all upstreams, in this process."""

    def __init__(
        self, database: Database, trail: Trail, metrics: Metrics, leases: Leases, terms: Keep
    ) -> None:
        self._database = database
        self._trail = trail
        self._metrics = metrics
        self._leases = leases
        self._terms = terms
        self._flights: Flights[Found] = Flights()
        self.came: Callable[[Question, Stored], None] = lambda *_: None
        """Is told of each manifest that was fetched for a tag."""
        self._missing, self._doubted = Lately(MISSING_SECONDS), Lately(MISSING_SECONDS)
        self._old = Lately(STALE_SECONDS)
        self._logged = Lately(_LOGS)
        self._slow: set[str] = set()
        """What takes long, and is under way."""

    async def find(self, asked: Question) -> Found:
        """What a tag or a digest names upstream. Raises `OCIError`."""
        row, reference = asked.remote.row, asked.reference
        told.check(asked.remote, asked.repository)
        kept, left = await self._kept(asked)
        if kept is not None and left > 0:
            return Found(kept, left)
        most = _FOR_EVER if isinstance(reference, Digest) else row.tag_seconds
        for missing, sure in ((self._missing, True), (self._doubted, False)):
            if (why := missing.get(str(asked), most)) is not None:
                raise told.unknown(row, asked.repository, reference, why, sure=sure)
        if kept is None:
            return await self._flights.once(str(asked), partial(self._first, asked))
        if (why := self._old.get(str(asked))) is not None:
            return Found(kept, STALE_SECONDS, why)
        return await self._refreshed(asked, kept)

    async def _refreshed(self, asked: Question, kept: Stored) -> Found:
        """What a tag means now; what is kept where that takes long, while it is found out."""
        task = self._flights.begin(str(asked), partial(self._compare, asked, kept))
        if str(asked) not in self._slow:
            await asyncio.wait({task}, timeout=PATIENCE)
            if not task.done():
                self._slow.add(str(asked))
                task.add_done_callback(lambda _: self._slow.discard(str(asked)))
                asked.remote.missed(asked.repository, _SLOW)
        if task.done():
            return task.result()
        return self._stale(asked, kept, f"{asked.remote.host} {_SLOW}")

    async def close(self) -> None:
        """Stop what is under way."""
        await self._flights.close()

    async def _kept(self, asked: Question) -> tuple[Stored | None, float]:
        """What is kept, and for how many more seconds it is good."""
        look = partial(keeping.look, repository=asked.repository, reference=asked.reference)
        kept, at = await self._database.read(look)
        if isinstance(asked.reference, Digest):
            return kept, _FOR_EVER
        return kept, keeping.left(at, asked.remote.row.tag_seconds)

    async def _first(self, asked: Question) -> Found:
        """Fetch what is not kept, in one process of all."""

        async def fetch() -> Found:
            try:
                return await self._fetch(asked, str(asked.reference))
            except UpstreamError as error:
                raise self._failed(asked, error) from None

        return await self._leases.first(str(asked), partial(self._good_yet, asked), fetch)

    async def _fetch(self, asked: Question, named: str, kept: Stored | None = None) -> Found:
        """Fetch it, and keep it, unless it is what is kept. Raises `UpstreamError`, `OCIError`."""
        asked.remote.check_budget()
        manifest = await asked.remote.ask(asked.repository, lambda r: r.manifest(named))
        if kept is not None and str(manifest.digest) == kept.digest:
            return await self._confirmed(asked, kept)
        _check_size(asked.remote.row, manifest)
        self._count(asked, "fetched")
        return await self._keep(asked, manifest)

    async def _keep(self, asked: Question, manifest: Manifest) -> Found:
        keep = partial(
            keeping.keep,
            repository=asked.repository,
            reference=asked.reference,
            manifest=manifest,
        )
        stored = await self._database.write(keep, large=True)
        if isinstance(asked.reference, Tag):
            self.came(asked, stored)
        return self._good(asked, stored)

    def _failed(self, asked: Question, error: UpstreamError) -> OCIError:
        gone = isinstance(error, UnknownError | RefusedError)
        if not gone and not isinstance(error, BrokenError):  # it lies, or is misconfigured
            _log.warning("%s was not kept: %s", asked, error)
        found = told.failure(asked.remote.row, asked.repository, error)
        if gone:
            missing = self._doubted if isinstance(found, told.DoubtError) else self._missing
            missing.add(str(asked), found.message)
        self._count(asked, "missing" if gone else "failed")
        return found

    async def _compare(self, asked: Question, kept: Stored) -> Found:
        """See whether a tag is still what is kept."""
        try:
            return await self._leases.first(
                str(asked), partial(self._good_yet, asked), partial(self._ask, asked, kept)
            )
        except UnknownError as error:
            if not error.sure:
                return self._stale(asked, kept, f"{asked.remote.host} {told.NO_REGISTRY}")
            return await self._gone(asked, kept)
        except UpstreamError as error:  # it fails, refuses, lies, or says what nobody understands
            why = error.bare if isinstance(error, RefusedError) else str(error)
            return self._stale(asked, kept, why)  # without how to log in: whoever pulls cannot
        except OCIError as error:
            if error.code is not Code.DENIED:
                raise
            return await self._held(asked, kept, error.message)

    async def _good_yet(self, asked: Question) -> Found | None:
        """What is kept, where it need not be asked for: another process may have done so."""
        kept, left = await self._kept(asked)
        return Found(kept, left) if kept is not None and left > 0 else None

    async def _ask(self, asked: Question, kept: Stored) -> Found:
        tag = asked.reference
        assert isinstance(tag, Tag)
        there = await self._glance(asked, tag)
        if there == kept.digest:
            return await self._confirmed(asked, kept)
        if there:
            with suppress(UnknownError):  # it moved again, or one of their servers lags
                return await self._fetch(asked, there)
        return await self._fetch(asked, tag.name, kept)

    async def _glance(self, asked: Question, tag: Tag) -> str | None:
        """What a tag means there, without fetching that; "" where nothing says so."""
        if asked.remote.answers_heads:
            with suppress(MethodError):
                return await asked.remote.ask(asked.repository, lambda r: r.glance(tag.name))
        return ""

    async def _confirmed(self, asked: Question, kept: Stored) -> Found:
        """What is kept, which is so upstream, too."""
        assert isinstance(asked.reference, Tag)
        await self._checked(asked, asked.reference)
        self._count(asked, "confirmed")
        return self._good(asked, kept)

    async def _checked(self, asked: Question, tag: Tag) -> None:
        """Note that it was compared just now."""
        checked = partial(fetches.checked, repository=asked.repository, tag=tag, at=time.time())
        await self._database.note(checked)

    def _good(self, asked: Question, stored: Stored) -> Found:
        by_tag = isinstance(asked.reference, Tag)
        return Found(stored, asked.remote.row.tag_seconds if by_tag else _FOR_EVER)

    def _stale(self, asked: Question, kept: Stored, why: str) -> Found:
        """What is kept, though nobody knows whether it is still so."""
        self._count(asked, "stale")
        event = Event(
            STALE,
            keeping.by(asked.repository.project),
            asked.repository.name,
            str(asked.reference),
            kept.digest,
            detail={"why": why},
        )
        self._trail.note(event)
        if self._logged.get(str(asked)) is None:
            self._logged.add(str(asked))
            _log.warning("%s is served as it was last: %s", asked, why)
        warning = f"{asked} may be old: {why}"
        self._old.add(str(asked), warning)
        return Found(kept, STALE_SECONDS, warning)

    async def _gone(self, asked: Question, kept: Stored) -> Found:
        tag = asked.reference
        assert isinstance(tag, Tag)
        self._count(asked, "missing")
        forget = partial(keeping.forget, repository=asked.repository, tag=tag, terms=self._terms)
        try:
            await self._database.write(forget)
        except OCIError as error:
            if error.code is not Code.DENIED:
                raise
            return await self._held(asked, kept, f"it is gone upstream; {error.message}")
        self._missing.add(str(asked))
        raise told.unknown(asked.remote.row, asked.repository, tag)

    async def _held(self, asked: Question, kept: Stored, why: str) -> Found:
        """What is kept, since a rule here, or the room that there is, leaves it so."""
        tag = asked.reference
        assert isinstance(tag, Tag)
        await self._checked(asked, tag)
        return Found(kept, asked.remote.row.tag_seconds, f"{asked} stays as it is here: {why}")

    def _count(self, asked: Question, result: str) -> None:
        label = f"{asked.remote.row.project},manifest,{result}"
        self._metrics.add(CACHE_ANSWERS, 1, label)


def _check_size(row: Upstream, manifest: Manifest) -> None:
    if len(manifest.content) > MAX_BYTES:
        raise UpstreamError(f"{row.url} has a manifest of over {MAX_BYTES} bytes")
    size = sum(part.size for part in manifest.blobs)
    if row.largest is not None and size > row.largest:
        raise told.too_large(row, size)
