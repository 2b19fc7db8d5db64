"""The way to other registries for a server: each connection under rules, wherever it leads.

A name is resolved once, all its addresses must be permitted, and the connection goes to one of
those. That is done where connections are made, so it holds for redirects and token services too,
and for a name that has changed its mind since. Source: SSRF in `auth.oidc.reach`.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import httpcore2
import httpx2

from entrepot.addresses import Network
from entrepot.auth.oidc.answer import OutboundError
from entrepot.auth.oidc.outbound import CONNECT_SECONDS, UPSTREAMS, Rules

Resolve = Callable[[str, int], Sequence[str]]
"""From a host and a port to the host's addresses; it blocks."""

_CONNECTIONS = 64


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def ways(
    context: ssl.SSLContext,
    allow: tuple[Network, ...],
    rules: Rules = UPSTREAMS,
    resolve: Resolve = resolve,
) -> Mapping[str, httpx2.BaseTransport]:
    """What `Http` is to go by: to global addresses, and to the networks in `allow`."""
    return {
        f"{scheme}://": _Transport(context, _Backend(scheme, allow, rules, resolve))
        for scheme in ("http", "https")
    }


class _Transport(httpx2.HTTPTransport):
    """httpx2's own, whose connections are made by our backend."""

    def __init__(self, context: ssl.SSLContext, backend: httpcore2.NetworkBackend) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            max_connections=_CONNECTIONS,
            keepalive_expiry=30,
            network_backend=backend,
        )


class _Backend(httpcore2.SyncBackend):
    def __init__(
        self, scheme: str, allow: tuple[Network, ...], rules: Rules, resolve: Resolve
    ) -> None:
        self._scheme, self._allow, self._rules, self._resolve = scheme, allow, rules, resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to one of the host's addresses. Raises `httpcore2.ConnectError`."""
        why: Exception | None = None
        seconds = min(timeout or CONNECT_SECONDS, CONNECT_SECONDS)
        for address in self._addresses(host, port):
            try:
                return super().connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                why = error
        raise why or httpcore2.ConnectError(f"{host} has no address")

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            found = self._resolve(host, port)
            for each in found:
                self._rules.check(host, self._scheme, ipaddress.ip_address(each), self._allow)
        except (OSError, ValueError):
            raise httpcore2.ConnectError(f"{host} has no address") from None
        except OutboundError as error:
            raise httpcore2.ConnectError(str(error)) from None
        return found
