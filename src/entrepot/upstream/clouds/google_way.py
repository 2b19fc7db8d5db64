"""`GoogleWay`: how Google's library sends its requests here: by our guarded connections.

Where a key that somebody uploaded sends us is held to the rules for other registries. The metadata
server is reached for the server's own identity alone: what asks it then goes by the environment.
Imported late: Google's library takes a while. Source: google.auth.transport, `Request`, `Response`.
"""

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from google.auth.exceptions import TransportError

from entrepot import __version__
from entrepot.addresses import Network
from entrepot.auth.oidc.answer import MAX_BODY
from entrepot.auth.oidc.outbound import UPSTREAMS, Rules, trust
from entrepot.upstream import guarded
from entrepot.upstream.answer import BUSY

OWN = Rules("ENTREPOT_OUTBOUND_ALLOW", plain=True, discreet=True)
"""For the server's own identity: the metadata server speaks no TLS."""
METADATA: tuple[Network, ...] = (
    ipaddress.IPv4Network("169.254.169.254/32"),
    ipaddress.IPv6Network("fd20:ce::254/128"),
)
_SECONDS, _TOTAL = 10.0, 20.0
"""For each wait of a request, and for all of its answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """As Google's library reads it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class GoogleWay:
    """A `Request` of Google's library. Redirects are not followed, proxies not used."""

    def __init__(self, allow: tuple[Network, ...], *, own: bool) -> None:
        """`own` says that it is for the server's own identity."""
        rules, networks = (OWN, allow + METADATA) if own else (UPSTREAMS, allow)
        self._ways = guarded.ways(trust(None), networks, rules=rules)
        self._client = httpx2.Client(
            mounts=self._ways,
            headers={"user-agent": f"entrepot/{__version__}", "accept-encoding": "identity"},
            trust_env=False,
            follow_redirects=False,
        )

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> Answer:
        """Ask. Raises google.auth's `TransportError`."""
        limit = min(timeout or _SECONDS, _SECONDS)
        try:
            with self._client.stream(
                method, url, content=body, headers=headers, timeout=limit
            ) as found:
                if found.status_code in BUSY:  # Google's library would try again at once
                    raise TransportError(f"HTTP status {found.status_code}")
                return Answer(found.status_code, found.headers, _read(found))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise TransportError(str(error) or type(error).__name__) from None

    def abort(self) -> None:
        """Cut off what is under way, and let nothing begin."""
        for way in self._ways.values():
            way.abort()

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


def _read(response: httpx2.Response) -> bytes:
    found, end = bytearray(), time.monotonic() + _TOTAL
    for part in response.iter_raw():
        found += part
        if len(found) > MAX_BODY:
            raise TransportError("it answers with more than anybody would read")
        if time.monotonic() > end:
            raise TransportError(f"it takes longer than {_TOTAL:g} s")
    return bytes(found)
