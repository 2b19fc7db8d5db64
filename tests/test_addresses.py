"""Addresses, networks, hosts and URLs, as settings and headers have them."""

import pytest

from entrepot.addresses import Address, is_this_machine, network, read_host, url


@pytest.mark.parametrize(
    ("text", "address", "loopback"),
    [
        ("127.0.0.1:5000", ("127.0.0.1", 5000), True),
        ("127.8.9.1:0", ("127.8.9.1", 0), True),
        ("localhost:80", ("localhost", 80), True),
        ("[::1]:5000", ("::1", 5000), True),
        ("0.0.0.0:5000", ("0.0.0.0", 5000), False),
        (":5000", ("0.0.0.0", 5000), False),
        ("[::]:5000", ("::", 5000), False),
        ("10.0.0.1:65535", ("10.0.0.1", 65535), False),
        ("localhost.example.org:5000", ("localhost.example.org", 5000), False),
        ("127.0.0.1.example.org:5000", ("127.0.0.1.example.org", 5000), False),
    ],
)
def test_address(text: str, address: tuple[str, int], *, loopback: bool) -> None:
    found = Address.parse(text)
    assert found == address
    assert found.is_loopback is loopback
    assert Address.parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a", ("a", None)),
        ("registry.example.org", ("registry.example.org", None)),
        ("registry.example.org.", ("registry.example.org.", None)),
        ("my_host:5000", ("my_host", "5000")),
        ("192.0.2.1:80", ("192.0.2.1", "80")),
        ("[2001:db8::1]:80", ("[2001:db8::1]", "80")),
        ("[::ffff:192.0.2.1]", ("[::ffff:192.0.2.1]", None)),
    ],
)
def test_host(text: str, found: tuple[str, str | None]) -> None:
    match = read_host(text)
    assert match is not None
    assert match.groups() == found


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a..b", ".a", "-a", "a-", "a b", "a/b", "a\\b", "a?b", "a#b", "a@b", "a:b@c"),
        *("a:", "a:b", "a:123456", "::1", "[::1", "[::1]a", "[a]", "[]", "a\r\nb", "a\n", "é"),
        *("a,b", 'a"b', "a%41", "a;b", "a" * 64),
    ],
)
def test_what_is_no_host(text: str) -> None:
    assert read_host(text) is None


@pytest.mark.parametrize("text", ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1"])
def test_network(text: str) -> None:
    assert str(network(text)).partition("/")[0] == text.partition("/")[0]


@pytest.mark.parametrize("text", ["", "a", "10.0.0.1/8", "10.0.0.0/33", "0.0.0.0/0", "::/0"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 10\.0\.0\.0/8|is everybody"):
        network(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://registry.example.org", "https://registry.example.org"),
        ("https://registry.example.org:8443/", "https://registry.example.org:8443"),
        ("http://[::1]:5000", "http://[::1]:5000"),
    ],
)
def test_url(text: str, found: str) -> None:
    assert url(text) == found


@pytest.mark.parametrize(
    ("server", "wanted"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("[::1]:5000", True),
        ("[::1]", True),
        ("r.test", False),
        ("10.0.0.1:5000", False),
    ],
)
def test_where_plain_http_would_do(server: str, wanted: bool) -> None:
    assert is_this_machine(server) is wanted
