"""The only way out of the process to an address that somebody named: HTTP(S), under rules.

A host's name is resolved once, every address that it has must be permitted, and the connection
goes to one of those very addresses, so a name that changes its mind in between (DNS rebinding)
changes nothing. HTTPS only, but for what the rules say; no redirects, no proxy, and no credentials
from the environment; answers and their time are limited.
Next: `reach` says which are permitted; `discovery`, `sso` and webhooks go out; `upstream.guarded`
holds clients of other registries to the same rules.
"""

import asyncio
import functools
import ipaddress
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from entrepot import addresses
from entrepot.addresses import Network
from entrepot.auth.oidc.answer import Answer, OutboundError, receive, status_alone
from entrepot.auth.oidc.reach import Address, is_within, may_reach

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 10.0

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host and a port to the host's addresses."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Resolver:
    """The same, in threads of its own: a name that hangs holds up nothing but itself. It has one
    thread, however many ask for it; and hangs there for longer than anybody waits.
    """

    def __init__(self, threads: int = 128) -> None:
        self._threads = ThreadPoolExecutor(threads, "entrepot-resolve")
        self._asking: dict[tuple[str, int], asyncio.Future[list[Any]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Ask the system's resolver."""
        found = await asyncio.shield(self._asked(host, port))
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def _asked(self, host: str, port: int) -> "asyncio.Future[list[Any]]":
        if (host, port) not in self._asking:
            ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            asking = asyncio.get_running_loop().run_in_executor(self._threads, ask)
            self._asking[host, port] = asking
            asking.add_done_callback(functools.partial(self._answered, (host, port)))
        return self._asking[host, port]

    def _answered(self, name: tuple[str, int], asking: "asyncio.Future[list[Any]]") -> None:
        del self._asking[name]
        if not asking.cancelled():
            asking.exception()  # whoever asked may have gone


@dataclass(frozen=True, slots=True)
class Rules:
    """For whom to go out."""

    setting: str
    """What can allow a network."""
    plain: bool = False
    """Whether http will do in an allowed network; else on this machine alone."""
    discreet: bool = False
    """Whether to keep back what addresses a name has here, from whoever named it."""
    seconds: float = TOTAL_SECONDS
    """How long it all may take."""

    def check(self, host: str, scheme: str, address: Address, allow: tuple[Network, ...]) -> None:
        """Raise `OutboundError` where a host must not be reached at an address that it has."""
        if not may_reach(address, allow):
            which = "an address that" if self.discreet else f"the address {address}, which"
            raise OutboundError(
                f"{host} has {which} is not global: {self.setting} can allow its network"
            )
        allowed = is_within(address, allow) and (self.plain or address.is_loopback)
        if scheme == "http" and not allowed:
            raise OutboundError(f"{host} is to be reached by https, not http")

    def bars(self, url: str, allow: tuple[Network, ...]) -> str:
        """Why a URL will not be asked, where its host is an address, or this machine; else ""."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        address = addresses.ip("127.0.0.1" if host == "localhost" else host)
        try:
            if address is not None:
                self.check(host, parts.scheme, address, allow)
        except OutboundError as error:
            return str(error)
        return ""


PROVIDERS = Rules("ENTREPOT_OUTBOUND_ALLOW")
"""Addresses that an admin named, or that their providers did."""
WEBHOOKS = Rules("ENTREPOT_WEBHOOK_NETWORKS", plain=True, discreet=True)
"""Addresses that people named who look after a project."""
UPSTREAMS = Rules("ENTREPOT_OUTBOUND_ALLOW", discreet=True)
"""Other registries, which admins named, and where these lead; whoever pulls reads what failed."""


class Outbound:
    """Goes out, to global addresses and to the networks in `allow`."""

    def __init__(
        self,
        allow: tuple[Network, ...] = (),
        resolve: Resolve = resolve,
        rules: Rules = PROVIDERS,
    ) -> None:
        self._allow = allow
        self._resolve = resolve
        self._rules = rules

    async def get(
        self, url: str, *, ca: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """GET; `ca` (PEM) replaces the system's trust. Raises `OutboundError`."""
        return await self._ask("GET", url, ca, {**(headers or {})}, None)

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        ca: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """POST a form; `ca` (PEM) replaces the system's trust. Raises `OutboundError`."""
        return await self._ask("POST", url, ca, {**(headers or {})}, form)

    async def deliver(self, url: str, content: bytes, headers: Mapping[str, str]) -> int:
        """POST content; the status of the answer, of which no more is read. Raises
        `OutboundError`.
        """
        return (await self._ask("POST", url, None, {**headers}, content)).status

    async def _ask(
        self,
        method: str,
        url: str,
        ca: str | None,
        headers: dict[str, str],
        body: Mapping[str, str] | bytes | None,
    ) -> Answer:
        # The first time this imports for 100 ms, and reads the system's CAs: not on the loop.
        target, ready = await asyncio.to_thread(_prepare, url, ca)
        try:
            async with asyncio.timeout(self._rules.seconds):
                addresses = await self._addresses(target)
                async with ready as client:
                    request = client.build_request(
                        method,
                        target,
                        headers=headers,
                        **_content(body),
                        extensions={"sni_hostname": _host(target)},
                    )
                    read = status_alone if isinstance(body, bytes) else receive
                    return await _send(client, request, addresses, read)
        except TimeoutError:
            raise OutboundError(
                f"{target.host} took longer than {self._rules.seconds:g} s"
            ) from None

    async def _addresses(self, target: "httpx2.URL") -> list[Address]:
        """Where the target is, all of it permitted; else `OutboundError`."""
        if target.scheme not in {"https", "http"} or not target.host or target.userinfo:
            raise OutboundError("the URL must be https://HOST… with no user name in it")
        if not 0 < _port(target) <= 65535:
            raise OutboundError("the URL has a port that cannot be")
        try:
            found = await self._resolve(_host(target), _port(target))
            addresses = [ipaddress.ip_address(text) for text in found]
        except (OSError, ValueError):
            addresses = []
        if not addresses:
            raise OutboundError(f"{target.host} has no address")
        for address in addresses:
            self._rules.check(target.host, target.scheme, address, self._allow)
        return addresses


def _content(body: Mapping[str, str] | bytes | None) -> dict[str, Any]:
    return {"content": body} if isinstance(body, bytes) else {"data": body}


def _prepare(url: str, ca: str | None) -> "tuple[httpx2.URL, httpx2.AsyncClient]":
    """Where to go, and what goes there. Raises `OutboundError`."""
    import httpx2

    try:
        target = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise OutboundError("the URL cannot be read") from None
    return target, _client(target, trust(ca))


def trust(ca: str | None) -> ssl.SSLContext:
    """What certificates are checked against. Raises `OutboundError` for a CA that is none."""
    if ca is None:
        with _once:
            return _system_trust()
    # Not `create_default_context`: clusters' own CAs often lack extensions that it insists on
    # from Python 3.13 on, and it takes an empty CA for the system's.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError, TypeError):  # not PEM, nothing at all, not ASCII
        raise OutboundError("the CA is not a certificate in PEM") from None
    return context


_once = threading.Lock()
"""Many threads that begin together would each read all of the system's CAs, and keep them."""


@functools.cache
def _system_trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _client(target: "httpx2.URL", context: ssl.SSLContext) -> "httpx2.AsyncClient":
    import httpx2

    return httpx2.AsyncClient(
        verify=context,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx2.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS),
        headers={
            "host": target.netloc.decode("ascii"),
            "user-agent": "entrepot",
            "accept": "application/json",
            "accept-encoding": "identity",  # so that a limit of bytes is a limit of memory
        },
    )


async def _send(
    client: "httpx2.AsyncClient",
    request: "httpx2.Request",
    addresses: list[Address],
    read: Callable[["httpx2.Response", str], Awaitable[Answer]],
) -> Answer:
    """Try one address after the other until one accepts the connection."""
    import httpx2

    host, why = request.url.host, ""
    for address in addresses:
        request.url = request.url.copy_with(host=str(address))
        try:
            return await read(await client.send(request, stream=True), host)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            why = str(error)
        except httpx2.HTTPError as error:
            raise OutboundError(f"{host} broke off: {error}") from None
    raise OutboundError(f"{host} cannot be reached: {why or 'it does not answer'}")


def _host(target: "httpx2.URL") -> str:
    """The name as DNS and TLS have it: in ASCII."""
    return target.raw_host.decode("ascii")


def _port(target: "httpx2.URL") -> int:
    if target.port is not None:
        return target.port
    return 443 if target.scheme == "https" else 80
