"""`Registry`: what handlers work with. Made by `app`, one per process."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from entrepot.auth.oidc.outbound import Outbound
from entrepot.blobstore.store import Store
from entrepot.db.database import Database
from entrepot.db.news import News
from entrepot.db.terms import Terms
from entrepot.distribution.begun import Begun
from entrepot.distribution.guard import Guard
from entrepot.distribution.redirects import Redirects
from entrepot.distribution.resolved import Resolved
from entrepot.observe.observer import Observer
from entrepot.oci.digest import Hasher
from entrepot.upstream.cache.cache import Cache
from entrepot.versions.catalogue import Catalogue


class Hashing:
    """Hashes in progress of uploads that come in several requests.

    A hash cannot be moved between processes, nor does it survive one; then the bytes are read
    again at the end. So this is a cache, and forgets the oldest.
    """

    _LIMIT = 1024

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, Hasher]] = OrderedDict()

    def take(self, upload: str, size: int) -> Hasher | None:
        """The hash of an upload's first `size` bytes, where it is known."""
        known = self._known.pop(upload, None)
        return known[1] if known and known[0] == size else None

    def keep(self, upload: str, size: int, hasher: Hasher | None) -> None:
        """Remember for the next request."""
        if hasher is None:
            return
        self._known[upload] = (size, hasher)
        while len(self._known) > self._LIMIT:
            self._known.popitem(last=False)


@dataclass(slots=True)
class Registry:
    """The rooms behind the API."""

    database: Database
    store: Store
    resolved: Resolved
    begun: Begun
    guard: Guard
    observer: Observer
    news: News
    """Wakes who waits for changes."""
    catalogue: Catalogue
    """Versions, as they are known in this process."""
    outbound: Outbound
    """Goes to the receivers of webhooks."""
    cache: Cache
    """Fetches from other registries what projects that stand for them do not have yet."""
    public_url: str = ""
    """Its own address, where it is known."""
    known_as: frozenset[str] = frozenset()
    """Hosts beside its own under which nodes ask it, as a mirror, for what is its own here."""
    mirror_hosts: Mapping[str, str] = field(default_factory=dict)
    """Its own hosts that stand for another registry, by what clients write, and which that is."""
    token_seconds: int = 300
    """How long a registry token is good."""
    upload_expiry: float = 24 * 3600
    """Seconds after which an upload that nobody goes on with is removed."""
    redirects: Redirects = field(default_factory=Redirects)
    """Which clients get blobs from the store itself."""
    sparse: bool = False
    """Whether a manifest may come before, or without, what it refers to."""
    disk: Path | None = None
    """The folder whose disk must have room for what is pushed; None where there is none."""
    terms: Terms = field(default_factory=Terms)
    """After how long what goes by itself."""
    certificates: tuple[Path, ...] = ()
    """Files with the server's certificates and CAs, for a review."""
    in_flight: int = 0
    """Requests being answered, those of the fast path aside."""
    most_in_flight: int = 0
    """Beyond so many, requests are answered with 429; 0 for no limit."""
    hashing: Hashing = field(default_factory=Hashing)
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """Whose turn it is to read documents of megabytes, which take many times their room."""
