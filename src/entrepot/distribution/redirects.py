"""Redirects: some clients get blobs from the store itself, by a URL that is signed for them.

That spares the registry the bytes, but a client must be able to reach the store: so it is said for
which networks this is so. What the client shows us never goes there: it is another host, and the
URL has its own signature. Where no URL can be had the bytes are streamed.
"""

import logging
from dataclasses import dataclass
from typing import Self

from entrepot import addresses
from entrepot.addresses import Network
from entrepot.blobstore.store import Signed, Store, StoreError
from entrepot.db.blobs import Blob

EVERYONE = "all"

_log = logging.getLogger("entrepot.blobs")


@dataclass(frozen=True, slots=True)
class Redirects:
    """Which clients are sent to the store."""

    everyone: bool = False
    """If so, the answer depends on no address, and may be kept for whoever comes next."""
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, texts: tuple[str, ...]) -> Self:
        """Read `all`, or networks. Raises ValueError."""
        if EVERYONE in texts:
            return cls(everyone=True)
        return cls(networks=tuple(map(addresses.network, texts)))

    def reach(self, client: str) -> bool:
        """Whether a client, by its address, is one of them."""
        if self.everyone or not self.networks:
            return self.everyone
        found = addresses.ip(client)
        return found is not None and any(found in network for network in self.networks)

    async def url(self, store: Store, blob: Blob, client: str) -> Signed | None:
        """Where the client gets a blob; None where we send it."""
        if blob.content is not None or not self.reach(client):
            return None
        try:
            return await store.url(blob.pieces)
        except StoreError as error:
            _log.error("%s; the blob is streamed instead", error)
            return None
