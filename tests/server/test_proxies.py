"""Who is believed, and what of what is said."""

from typing import TYPE_CHECKING, Any

import pytest

from entrepot.server.proxies import Proxies
from entrepot.server.request import FORWARDED, Request

if TYPE_CHECKING:
    from tests.server.conftest import Respond, Serve

PROXIES = Proxies(["127.0.0.1/32", "10.0.0.0/8", "2001:db8::/64"])
PEER = ("10.0.0.1", 4000)


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("10.255.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("::ffff:11.0.0.1", False),
        ("2001:db8::5", True),
        ("2001:db8:0:1::5", False),
        ("::1", False),
        ("nonsense", False),
    ],
)
def test_trust(peer: str, *, trusted: bool) -> None:
    assert PROXIES.trusts((peer, 1)) is trusted


def test_a_socket_without_an_address_is_not_trusted() -> None:
    assert not PROXIES.trusts(None)


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ([], PEER[0]),
        (["192.0.2.7"], "192.0.2.7"),
        (["203.0.113.9, 192.0.2.7"], "192.0.2.7"),
        (["203.0.113.9", "192.0.2.7"], "192.0.2.7"),
        (["192.0.2.7, 10.0.0.9, 127.0.0.1"], "192.0.2.7"),
        (["192.0.2.7", "10.0.0.9,127.0.0.1"], "192.0.2.7"),
        (["nonsense, 192.0.2.7"], "192.0.2.7"),
        (["10.0.0.8, 10.0.0.9"], "10.0.0.8"),
        (["192.0.2.7:4711"], "192.0.2.7"),
        (["[2001:db8:1::7]:4711"], "2001:db8:1::7"),
        (["[2001:db8:1::7]"], "2001:db8:1::7"),
        (["2001:DB8:1::7"], "2001:db8:1::7"),
        (["::ffff:192.0.2.7"], "192.0.2.7"),
        (["::ffff:10.0.0.9"], "10.0.0.9"),
        (["192.0.2.7, nonsense"], PEER[0]),
        (["192.0.2.7, "], PEER[0]),
        (["192.0.2.7, nonsense, 10.0.0.9"], PEER[0]),
        ([""], PEER[0]),
        (["unknown"], PEER[0]),
        (["192.0.2.256"], PEER[0]),
        (["3221225991"], PEER[0]),
        (["192.0.2.7:x"], PEER[0]),
        (["fe80::1%eth0"], PEER[0]),
        (["fe80::1%\x1b[31m"], PEER[0]),
        (["[]"], PEER[0]),
    ],
)
def test_client(said: list[str], client: str) -> None:
    request = Request()
    request.forwarded = tuple((b"x-forwarded-for", value.encode("latin-1")) for value in said)
    found = PROXIES.client(request, PEER)
    assert found is not None
    assert found[0] == client


SPOOFED = ("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.test")


def seen_by(serve: "Serve", respond: "Respond", proxies: Proxies | None) -> tuple[Any, list[Any]]:
    """A connection, and what the fast path and the app see of its requests."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await respond(send)

    def fast(_method: str, _target: bytes, headers: Any, client: Any, _certificate: str) -> None:
        seen.append((dict(headers), client))

    served = serve(app, state={"entrepot.fast": fast}, proxies=proxies)
    return served.connect(), seen


@pytest.mark.parametrize(
    "proxies", [None, Proxies(["10.0.0.0/8"])], ids=["none trusted", "others trusted"]
)
def test_a_stranger_is_not_believed(
    serve: "Serve", respond: "Respond", proxies: Proxies | None
) -> None:
    client, seen = seen_by(serve, respond, proxies)
    assert client.get("/", *SPOOFED, "x-FORWARDED-for: 192.0.2.8").answer().status == 200
    (headers, peer), scope = seen
    assert peer == scope["client"] == client.sock.getsockname()
    assert scope["scheme"] == "http"
    assert headers == dict(scope["headers"]) == {b"host": b"test"}


def test_a_proxy_is_believed(serve: "Serve", respond: "Respond") -> None:
    client, seen = seen_by(serve, respond, PROXIES)
    said = ("X-Forwarded-For: 203.0.113.9, 192.0.2.7", "X-Forwarded-Proto: HTTPS")
    host = "X-Forwarded-Host: forged.test, registry.example.org:8443"
    assert client.get("/", *said, host).answer().status == 200
    (headers, peer), scope = seen
    assert peer == scope["client"] == ("192.0.2.7", 0)
    assert scope["scheme"] == "https"
    assert headers == dict(scope["headers"]) == {b"host": b"registry.example.org:8443"}


def test_each_request_of_a_connection_has_its_own_client(
    serve: "Serve", respond: "Respond"
) -> None:
    client, seen = seen_by(serve, respond, PROXIES)
    for said in (["X-Forwarded-For: 192.0.2.7"], [], ["X-Forwarded-For: 192.0.2.8"]):
        client.get("/", *said).answer()
    own = client.sock.getsockname()
    assert [scope["client"] for scope in seen[1::2]] == [("192.0.2.7", 0), own, ("192.0.2.8", 0)]
    assert [call[1] for call in seen[::2]] == [scope["client"] for scope in seen[1::2]]


@pytest.mark.parametrize(
    "said",
    [
        "X-Forwarded-Proto: gopher",
        "X-Forwarded-Proto: https, ",
        "X-Forwarded-Host: a b",
        "X-Forwarded-Host: evil.test/path",
        "X-Forwarded-Host: user@evil.test",
        "X-Forwarded-Host: evil.test:",
        "X-Forwarded-Host: évil.test",
        'X-Forwarded-Host: a",realm="b',
        "X-Forwarded-Host: -",
        "X-Forwarded-Host:",
    ],
)
def test_what_is_malformed_counts_as_not_said(
    serve: "Serve", respond: "Respond", said: str
) -> None:
    client, seen = seen_by(serve, respond, PROXIES)
    assert client.get("/", said).answer().status == 200
    assert seen[1]["scheme"] == "http"
    assert dict(seen[1]["headers"]) == {b"host": b"test"}


def test_a_refusal_is_logged_for_the_client(serve: "Serve", respond: "Respond") -> None:
    logged: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send)

    def refused(*call: Any) -> None:
        logged.append(call[3])

    served = serve(app, state={"entrepot.refused": refused}, proxies=PROXIES)
    client = served.connect()
    client.get("/", "X-Forwarded-For: 192.0.2.7").answer()
    client.get("/", "X-Forwarded-For: 192.0.2.8", "Transfer-Encoding: gzip", method="PUT")
    assert client.answer().status == 400
    assert logged == [("192.0.2.8", 0)]


def test_they_count_as_headers(serve: "Serve", respond: "Respond") -> None:
    client, _ = seen_by(serve, respond, None)
    client.get("/", *(f"{name.decode()}: {'1' * 12000}" for name in sorted(FORWARDED)))
    assert client.answer().status == 431
