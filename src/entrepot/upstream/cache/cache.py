"""`Cache`: the upstreams of this process, and what is fetched of them.

It has nothing of its own to lose: what is kept lies where everything lies. Next: `manifests`,
`blobs`; `distribution.through` asks.
"""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from entrepot.addresses import Network
from entrepot.auth.oidc.outbound import UPSTREAMS
from entrepot.auth.trail import Trail
from entrepot.blobstore.store import Store
from entrepot.db.database import Database
from entrepot.db.manifests import Stored
from entrepot.db.trash import Keep
from entrepot.db.upstreams import Upstream
from entrepot.observe.metrics import UPSTREAM_REFUSED, UPSTREAM_RESTING, Known, Metrics
from entrepot.oci.digest import Digest
from entrepot.oci.names import Reference, Repository
from entrepot.upstream.cache.ahead import Ahead
from entrepot.upstream.cache.blobs import Blobs
from entrepot.upstream.cache.greeting import greet
from entrepot.upstream.cache.leases import Leases
from entrepot.upstream.cache.lists import Lists
from entrepot.upstream.cache.manifests import Found, Manifests, Question
from entrepot.upstream.cache.remote import Remote
from entrepot.upstream.cache.signatures import Signatures
from entrepot.upstream.cache.tail import Tail


class Cache:
    """Made on the event loop. `alone` says whether no other process serves the same registry."""

    def __init__(
        self,
        database: Database,
        store: Store,
        trail: Trail,
        metrics: Metrics,
        *,
        allow: tuple[Network, ...],
        folder: Path,
        expiry: float,
        terms: Keep,
        alone: bool,
    ) -> None:
        self._allow = allow
        self._remotes: dict[str, Remote] = {}
        leases = Leases(database, alone=alone)
        self._manifests = Manifests(database, trail, metrics, leases, terms)
        self._blobs = Blobs(database, store, metrics, leases, folder=folder, expiry=expiry)
        self._ahead = Ahead(database, self._blobs, self._child)
        self._manifests.came = self._came
        self._lists = Lists(self._manifests)
        metrics.watch(self._states)
        self._signatures = Signatures(database, leases, self._manifests, self._blobs)

    def remote(self, row: Upstream) -> Remote:
        """An upstream as it stands now."""
        found = self._remotes.get(row.project)
        if found is None or found.row != row:
            if found is not None:  # what is under way goes on with it
                found.retire()
            found = self._remotes[row.project] = Remote(row, self._allow)
        return found

    def _came(self, asked: Question, stored: Stored) -> None:
        if asked.remote.row.everything:
            self._ahead.add(asked.remote, asked.repository, stored)

    async def _child(self, remote: Remote, repository: Repository, digest: Digest) -> Stored:
        return (await self._manifests.find(Question(remote, repository, digest))).stored

    def trouble(self, row: Upstream) -> str:
        """Why an upstream is not asked at present; "" where it is."""
        found = self._remotes.get(row.project)
        trouble = found.trouble if found is not None and found.row == row else ""
        return trouble or UPSTREAMS.bars(row.url, self._allow)

    async def greet(self, row: Upstream) -> str:
        """Ask an upstream whether it answers and takes our login: why not, "" where it does."""
        return await greet(self.remote(row))

    def troubled_at(self, row: Upstream) -> float | None:
        """Since when an upstream has not answered, or not let us in, in seconds since 1970; None
        where it does.
        """
        found = self._remotes.get(row.project)
        if found is None or found.row != row:
            return None
        seconds = max(found.resting_seconds, found.refused_seconds)
        return time.time() - seconds if seconds else None

    def _states(self) -> Iterator[Known]:
        """How upstreams do, as far as this process knows."""
        for project, remote in list(self._remotes.items()):
            yield UPSTREAM_RESTING, project, remote.resting_seconds
            yield UPSTREAM_REFUSED, project, remote.refused_seconds

    def pulls_left(self, row: Upstream) -> int | None:
        """How many more pulls an upstream allows, where it has said so."""
        found = self._remotes.get(row.project)
        return found.budget.left if found is not None and found.row == row else None

    async def manifest(self, row: Upstream, repository: Repository, reference: Reference) -> Found:
        """What a tag or a digest means. Raises `OCIError`."""
        return await self._manifests.find(Question(self.remote(row), repository, reference))

    async def blob(self, row: Upstream, repository: Repository, digest: Digest) -> Tail | None:
        """A blob while it is fetched; None where it is kept by now. Raises `OCIError`."""
        return await self._blobs.find(self.remote(row), repository, digest)

    async def tags(self, row: Upstream, repository: Repository) -> list[str]:
        """All tags there. Raises `UpstreamError`, `OCIError`."""
        return await self._lists.tags(self.remote(row), repository)

    async def referrers(self, row: Upstream, repository: Repository, digest: Digest) -> str:
        """Have what refers to a manifest there; why that is not all there is. Raises
        `UpstreamError`, `OCIError`.
        """
        return await self._lists.referrers(self.remote(row), repository, digest)

    def signatures(
        self, row: Upstream, repository: Repository, digest: Digest
    ) -> AsyncIterator[str]:
        """Have what says that a manifest may be pulled: see `Signatures.seek`."""
        return self._signatures.seek(self.remote(row), repository, digest)

    async def size(self, row: Upstream, repository: Repository, digest: Digest) -> int:
        """Bytes of a blob that can be had. Raises `OCIError`."""
        return await self._blobs.size(self.remote(row), repository, digest)

    async def close(self) -> None:
        """Stop what is under way."""
        self._blobs.stop()
        for remote in self._remotes.values():
            remote.close()
        await self._ahead.close()
        await self._signatures.close()
        await self._lists.close()
        await self._manifests.close()
        await self._blobs.close()
