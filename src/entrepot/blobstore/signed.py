"""`Signer`: URLs by which whoever has one may read one object for some minutes.

Such a URL takes the place of credentials: it is given only to who may pull the blob, is no part of
any log, and ends by itself.
"""

import time
from collections import OrderedDict
from datetime import timedelta

import obstore

from entrepot.blobstore.clients import Client, told
from entrepot.blobstore.store import Signed

_MOST = 10_000
"""URLs that are kept for the next one who asks."""


class Signer:
    """Signs URLs, and hands each of them out for a third of its life."""

    def __init__(self, client: Client, seconds: int) -> None:
        self._client = client
        self._life = timedelta(seconds=seconds)
        self._handed_out = seconds / 3
        self._known: OrderedDict[str, Signed] = OrderedDict()

    async def sign(self, key: str) -> Signed:
        """A URL for an object. Raises `StoreError`."""
        now = time.monotonic()
        known = self._known.get(key)
        if known is not None and known.until > now:
            return known
        with told("signing a URL"):
            url = await obstore.sign_async(self._client, "GET", key, self._life)
        found = self._known[key] = Signed(url, now + self._handed_out)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return found
