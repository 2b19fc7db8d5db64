"""Which addresses may be reached: a table of what IANA sets apart."""

from ipaddress import ip_address, ip_network

import pytest

from entrepot.auth.oidc.reach import may_reach

GLOBAL = ["1.1.1.1", "140.82.112.3", "2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1"]

CLOSED = [
    *("127.0.0.1", "127.8.9.1", "::1"),  # this machine
    *("0.0.0.0", "0.1.2.3", "::"),
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%eth0", "168.63.129.16"),
    *("100.64.0.1", "100.100.100.200", "100.127.255.255"),  # carriers' NAT, and Alibaba's metadata
    *("192.0.0.8", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
    *("fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1", "100::1", "5f00::1"),
    *("2001:db8::1", "3fff::1", "2001::1", "2001:10::1", "2001:20::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
    *("64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1::a00:1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:101:101::1"),  # 6to4
    *("2001:0:7f00:1::", "::ffff:0:127.0.0.1"),  # Teredo, and SIIT
]


@pytest.mark.parametrize("address", GLOBAL)
def test_global(address: str) -> None:
    assert may_reach(ip_address(address), ())


@pytest.mark.parametrize("address", CLOSED)
def test_closed(address: str) -> None:
    assert not may_reach(ip_address(address), ())
    assert not may_reach(ip_address(address), (ip_network("10.9.0.0/16"),))


@pytest.mark.parametrize(
    ("address", "network", "allowed"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3/32", True),
        ("10.1.2.3", "10.2.0.0/16", False),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("64:ff9b::10.1.2.3", "10.0.0.0/8", True),
        ("64:ff9b::10.1.2.3", "64:ff9b::/96", True),
        ("2002:a01:203::", "10.0.0.0/8", False),
        ("fd00::1", "fc00::/7", True),
        ("fd00::1", "10.0.0.0/8", False),
        ("127.0.0.1", "::1/128", False),
        ("169.254.169.254", "169.254.0.0/16", True),
    ],
)
def test_allowed(address: str, network: str, *, allowed: bool) -> None:
    assert may_reach(ip_address(address), (ip_network(network),)) is allowed
