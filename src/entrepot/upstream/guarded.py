"""The way to other registries for a server: each connection under rules, wherever it leads.

A name is resolved once, all its addresses must be permitted, and the connection goes to one of
those. That is done where connections are made, so it holds for redirects and token services too,
and for a name that has changed its mind since. Who answers byte by byte counts as broken, wherever
that is in an answer. A server that stops cuts connections off: `Way.abort`.
"""

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore2
import httpx2

from entrepot.addresses import Network
from entrepot.auth.oidc.answer import OutboundError
from entrepot.auth.oidc.outbound import CONNECT_SECONDS, UPSTREAMS, Rules, trust
from entrepot.upstream.place import UpstreamError

Resolve = Callable[[str, int], Sequence[str]]
"""From a host and a port to the host's addresses; it blocks."""

_CONNECTIONS = 64
_PIECE = 512 * 1024
_SLOWEST, SLOW_SECONDS = 1024, 30.0
"""Bytes a second, and for how many seconds of waiting somebody may send less."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Way(httpx2.HTTPTransport):
    """httpx2's own transport, whose connections are made by our backend; for http or https."""

    def __init__(
        self,
        scheme: str,
        context: ssl.SSLContext,
        allow: tuple[Network, ...],
        rules: Rules = UPSTREAMS,
        resolve: Resolve = resolve,
        *,
        slow: float = SLOW_SECONDS,
    ) -> None:
        super().__init__(verify=context, trust_env=False)
        self._backend = _Backend(scheme, allow, rules, resolve, slow)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            max_connections=_CONNECTIONS,
            keepalive_expiry=30,
            network_backend=self._backend,
        )

    def abort(self) -> None:
        """Cut all connections off, whoever waits for something from them."""
        self._backend.abort()


def ways(
    context: ssl.SSLContext,
    allow: tuple[Network, ...],
    resolve: Resolve = resolve,
    rules: Rules = UPSTREAMS,
) -> dict[str, Way]:
    """What `Http` is to go by: to global addresses, and to the networks in `allow`."""
    return {
        f"{scheme}://": Way(scheme, context, allow, rules, resolve) for scheme in ("http", "https")
    }


def ways_by(ca: str, allow: tuple[Network, ...]) -> dict[str, Way]:
    """The same, with a CA in PEM in place of the system's. Raises `UpstreamError`."""
    try:
        return ways(trust(ca or None), allow)
    except OutboundError as error:
        raise UpstreamError(str(error)) from None


class _Backend(httpcore2.SyncBackend):
    def __init__(
        self,
        scheme: str,
        allow: tuple[Network, ...],
        rules: Rules,
        resolve: Resolve,
        slow: float,
    ) -> None:
        self._scheme, self._allow, self._rules, self._resolve = scheme, allow, rules, resolve
        self.slow = slow
        self._open: set[_Stream] = set()
        self._lock = threading.Lock()
        self._over = False

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
                made = super().connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                why = error
            else:
                return self._kept(_Stream(made, self))
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

    def _kept(self, stream: "_Stream") -> "_Stream":
        with self._lock:
            self._open.add(stream)
            if self._over:
                stream.abort()
        return stream

    def forget(self, stream: "_Stream") -> None:
        """A stream is closed."""
        with self._lock:
            self._open.discard(stream)

    def abort(self) -> None:
        """Cut all streams off, and those to come."""
        with self._lock:
            self._over = True
            for each in self._open:
                each.abort()


class _Stream(httpcore2.NetworkStream):
    """A connection that another thread can cut off, and whose other end may not dawdle."""

    def __init__(self, inner: httpcore2.NetworkStream, backend: _Backend) -> None:
        self._inner, self._backend = inner, backend
        self._waited, self._came = 0.0, 0
        self._answers = True

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """As the inner one, in larger pieces: each costs the same, whatever its size. How long the
        first of an answer takes is for the timeout to say.
        """
        began = time.monotonic()
        found = self._inner.read(max(max_bytes, _PIECE), timeout)
        self._waited += time.monotonic() - began if self._answers else 0.0
        self._answers = True
        self._came += len(found)
        if self._waited > self._backend.slow:
            self._check_speed()
        return found

    def _check_speed(self) -> None:
        if self._came < self._waited * _SLOWEST:
            raise httpcore2.ReadTimeout(f"it sends less than {_SLOWEST} bytes a second")
        self._waited, self._came = 0.0, 0

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """As the inner one; what is answered to that is watched from now on."""
        self._waited, self._came, self._answers = 0.0, 0, False
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        """As the inner one."""
        self._backend.forget(self)
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """As the inner one, which goes on as another."""
        self._inner = self._inner.start_tls(ssl_context, server_hostname, timeout)
        return self

    def get_extra_info(self, info: str) -> Any:
        """As the inner one."""
        return self._inner.get_extra_info(info)

    def abort(self) -> None:
        """Have whoever reads or writes be told that it is over."""
        with contextlib.suppress(OSError):
            self._inner.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
