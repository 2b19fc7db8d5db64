"""Which addresses this process may be made to talk to.

A provider's documents name hosts, and a host's name may lead anywhere: to the cloud's metadata
service, or to a database beside this registry. Only addresses that are reachable from the whole
internet are free; every other one must lie in a network that the operator allows. Whatever carries
an IPv4 address inside (RFC 4291 §2.5.5.2, RFC 6052) is judged as that address. Source: IANA's
registries of special-purpose addresses, RFC 6890. Next: `outbound`, which asks for every
connection.
"""

import ipaddress
from typing import TypeAlias

from entrepot.addresses import Network

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""The only part of IPv6 that IANA gives out as global unicast."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_CLOSED: tuple[Network, ...] = (
    ipaddress.IPv4Network("168.63.129.16/32"),  # the host under each of Azure's machines
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),  # once the relays of 6to4
    ipaddress.IPv6Network("2001::/23"),  # Teredo and other protocols
    ipaddress.IPv6Network("2002::/16"),  # 6to4
    ipaddress.IPv6Network("3fff::/20"),  # documentation
)
"""Closed beside what Python 3.11 knows not to be global."""


def may_reach(address: Address, allow: tuple[Network, ...]) -> bool:
    """Whether to connect to `address`."""
    meant = _inner(address)
    return is_within(meant, allow) or is_within(address, allow) or _is_global(meant)


def is_within(address: Address, networks: tuple[Network, ...]) -> bool:
    """Whether one of the networks has the address."""
    return any(address in network for network in networks)


def _inner(address: Address) -> Address:
    """The IPv4 address that this one stands for, else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _is_global(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not address.is_multicast and not is_within(address, _CLOSED)
