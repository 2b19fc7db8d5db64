"""What a proxy says of the client behind it: X-Forwarded-For, -Proto and -Host.

Invariant: only a peer whose address is trusted is believed; from anyone else the headers are taken
away unread (request.py). Anyone may write what they like into them and a proxy adds to its end, so
they are read from there: the last address that is no proxy's is the client's, the last scheme and
host are the ones that the nearest proxy saw. What is malformed counts as not said.
"""

from collections.abc import Iterable, Iterator

from entrepot.addresses import IP, ip, network, read_host
from entrepot.server.asgi import Address
from entrepot.server.request import Request


class Proxies:
    """The peers that are believed."""

    def __init__(self, networks: Iterable[str]):
        self._networks = [network(text) for text in networks]

    def trusts(self, peer: Address | None) -> bool:
        """Whether a connection comes from one of them."""
        return peer is not None and (found := ip(peer[0])) is not None and self._is_proxy(found)

    def _is_proxy(self, address: IP) -> bool:
        return any(address in network for network in self._networks)

    def client(self, request: Request, peer: Address | None) -> Address | None:
        """Where a request comes from; its port is not known."""
        found = peer
        for entry in _from_the_end(request, b"x-forwarded-for"):
            address = ip(_without_port(entry))
            if address is None:
                return peer
            found = str(address), 0
            if not self._is_proxy(address):
                break
        return found


def scheme(request: Request, spoken: str) -> str:
    """By which scheme the client came."""
    said = next(_from_the_end(request, b"x-forwarded-proto"), "").lower()
    return said if said in ("http", "https") else spoken


def replace_host(request: Request) -> None:
    """Put the host that the client asked for in the place of the one that the proxy asks for."""
    said = next(_from_the_end(request, b"x-forwarded-host"), "")
    if read_host(said):
        request.headers[:] = [header for header in request.headers if header[0] != b"host"]
        request.headers.append((b"host", said.encode()))


def _from_the_end(request: Request, wanted: bytes) -> Iterator[str]:
    for name, value in reversed(request.forwarded):
        if name == wanted:
            for entry in reversed(value.decode("latin-1").split(",")):
                yield entry.strip(" \t")


def _without_port(text: str) -> str:
    """Some proxies write a port, too: 192.0.2.1:80, [2001:db8::1]:80."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, _, port = text.partition(":")
    return host if port.isdigit() and "." in host else text
