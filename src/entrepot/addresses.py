"""Addresses as values: where to listen, whom to trust, under which URL clients come.

Read once, from settings; the grammar of a host is that of RFC 3986 §3.2.2, without its escapes.
"""

import ipaddress
import re
from typing import NamedTuple, TypeAlias

IP: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_name = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_host = rf"{_name}(?:\.{_name})*\.?|\[[0-9A-Fa-f:.]{{2,45}}\]"
read_host = re.compile(rf"({_host})(?::([0-9]{{1,5}}))?").fullmatch
"""Host and port of a Host header; nothing else gets through, so it may be put into an answer."""


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read HOST:PORT, [IPV6]:PORT or :PORT. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdigit() or int(port) > 65535:
            raise ValueError("an address is written HOST:PORT, such as 127.0.0.1:5000")
        return cls(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 - what :PORT means

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can come here."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def network(text: str) -> Network:
    """Read an address or a CIDR. Raises ValueError."""
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; write an address or a range, such as 10.0.0.0/8") from None
    if not found.prefixlen:
        raise ValueError(f"{text} is everybody: name the addresses that are meant")
    return found


def ip(text: str) -> IP | None:
    """Read an address; one of IPv4 that came by IPv6 is of IPv4. None for what is none."""
    if "%" in text:  # a zone may be any text, and goes into logs
        return None
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def server(text: str, port: int = 443) -> Address:
    """A registry's HOST[:PORT], with this port where none is said."""
    last = text.rpartition("]")[2]
    return Address.parse(text if ":" in last else f"{text}:{port}")


def is_this_machine(text: str) -> bool:
    """Whether HOST[:PORT] is this machine, which docker and others ask by plain HTTP, too."""
    host = server(text).host
    found = ip(host)
    return host == "localhost" or (found is not None and found.is_loopback)


def url(text: str) -> str:
    """Read https://HOST[:PORT]; return it without a slash at its end. Raises ValueError."""
    scheme, found, rest = text.removesuffix("/").partition("://")
    host = read_host(rest)
    if scheme not in ("https", "http") or not found or host is None or int(host[2] or 1) > 65535:
        raise ValueError("a URL without a path is wanted, such as https://registry.example.org")
    return f"{scheme}://{rest}"
