"""What issuers publish: their endpoints and keys, fetched seldom and kept for a while.

A token may make us ask, but not often: whatever it says, an issuer is asked at most every half
minute, by one request for all who wait. While an issuer is down its last keys stay good for a day.
Source: OpenID Connect Discovery §4. Next: `issuers` and `sso` use it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from entrepot.auth.oidc.answer import OutboundError
from entrepot.auth.oidc.issuer import Issuer
from entrepot.auth.oidc.keys import Keys
from entrepot.auth.oidc.outbound import Outbound
from entrepot.auth.oidc.token import TokenError

FRESH = 600.0
"""Seconds for which nobody asks again, unless a token names an unknown key."""
PAUSE = 30.0
"""Seconds between two requests, whoever wants them and however the first one ended."""
STALE = 24 * 3600.0
"""Seconds for which keys are used while the issuer cannot be reached."""

_log = logging.getLogger("entrepot")


@dataclass(frozen=True, slots=True)
class Published:
    """What an issuer says of itself."""

    metadata: Mapping[str, Any]
    keys: Keys


@dataclass(slots=True)
class _Entry:
    """What is known of one issuer; times are those of the clock."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    published: Published | None = None
    fetched: float = float("-inf")
    tried: float = float("-inf")


class Discovery:
    """Asks issuers, and remembers."""

    def __init__(self, outbound: Outbound, clock: Callable[[], float] = time.monotonic) -> None:
        self._outbound = outbound
        self._clock = clock
        self._entries: dict[tuple[str, str | None, bool], _Entry] = {}

    async def keys(self, issuer: Issuer, kid: str | None) -> Keys:
        """The issuer's keys; asked for anew where none is called `kid`. Raises `TokenError`."""
        if issuer.jwks is not None:
            return Keys.parse(issuer.jwks)
        return (await self._published(issuer, kid)).keys

    async def metadata(self, issuer: Issuer) -> Mapping[str, Any]:
        """The issuer's document. Raises `TokenError`."""
        return (await self._published(issuer, None)).metadata

    async def _published(self, issuer: Issuer, kid: str | None) -> Published:
        entry = self._entries.setdefault((issuer.url, issuer.ca, issuer.jwks is None), _Entry())
        if self._is_due(entry, kid):
            async with entry.lock:
                if self._is_due(entry, kid):  # nobody did it while we waited
                    await self._refresh(entry, issuer)
        if entry.published is None or self._clock() - entry.fetched > STALE:
            raise TokenError(f"what {issuer.url} publishes cannot be had now: try again later")
        return entry.published

    def _is_due(self, entry: _Entry, kid: str | None) -> bool:
        now = self._clock()
        if now - entry.tried < PAUSE:
            return False
        if entry.published is None or now - entry.fetched > FRESH:
            return True
        return not entry.published.keys.knows(kid)

    async def _refresh(self, entry: _Entry, issuer: Issuer) -> None:
        try:
            entry.published = await self._fetch(issuer)
            entry.fetched = self._clock()
        except (OutboundError, ValueError) as error:
            _log.warning("the issuer %s gives no keys: %s", issuer.url, error)
        entry.tried = self._clock()  # not where we were cancelled: then the next one tries

    async def _fetch(self, issuer: Issuer) -> Published:
        metadata = await self._document(issuer.discovery, issuer)
        if metadata.get("issuer") != issuer.url:
            raise ValueError("its document is another issuer's")
        if issuer.jwks is not None:
            return Published(metadata, Keys.parse(issuer.jwks))
        where = metadata.get("jwks_uri")
        if not isinstance(where, str):
            raise ValueError("its document has no jwks_uri")
        return Published(metadata, Keys.parse(await self._document(where, issuer)))

    async def _document(self, url: str, issuer: Issuer) -> dict[str, Any]:
        answer = await self._outbound.get(url, ca=issuer.ca)
        if answer.status != 200:
            raise OutboundError(f"the answer is {answer.status}")
        return answer.document()
