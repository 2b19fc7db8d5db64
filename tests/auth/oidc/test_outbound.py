"""The way out: what it asks, what it takes for an answer, and where it does not go."""

import gzip
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import trustme
from tests.auth.oidc.elsewhere import CA, LOOPBACK, Elsewhere, Says, elsewhere

from entrepot.auth.oidc.answer import MAX_BODY, Answer, OutboundError
from entrepot.auth.oidc.outbound import Outbound, Resolve


@pytest.fixture
def party() -> Iterator[Elsewhere]:
    with elsewhere() as party:
        yield party


@pytest.fixture
def outbound() -> Outbound:
    return Outbound(LOOPBACK)


async def test_get(party: Elsewhere, outbound: Outbound) -> None:
    party.says["/a?b=c"] = Says(b'{"d": 1}')
    answer = await outbound.get(f"{party.url}/a?b=c", ca=CA, headers={"authorization": "Bearer t"})
    assert answer.status == 200
    assert answer.document() == {"d": 1}
    [asked] = party.asked
    assert asked.method == "GET"
    assert asked.headers["Host"] == f"127.0.0.1:{party.port}"
    assert asked.headers["Authorization"] == "Bearer t"
    assert asked.headers["Accept-Encoding"] == "identity"
    assert "Cookie" not in asked.headers


async def test_post(party: Elsewhere, outbound: Outbound) -> None:
    party.says["/token"] = Says(b'{"error": "invalid_grant"}', status=400)
    answer = await outbound.post(f"{party.url}/token", {"code": "a&b=c d"}, ca=CA)
    assert answer == Answer(400, b'{"error": "invalid_grant"}')
    assert party.asked[0].method == "POST"
    assert party.asked[0].body == b"code=a%26b%3Dc+d"
    assert party.asked[0].headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_a_name_goes_into_host_and_sni() -> None:
    with elsewhere("issuer.test") as party:
        party.says["/"] = Says()
        await Outbound(LOOPBACK, resolver("127.0.0.1")).get(f"{party.url}/", ca=CA)
        assert party.names == ["issuer.test"]
        assert party.asked[0].headers["Host"] == f"issuer.test:{party.port}"


async def test_a_name_that_is_not_ascii_is_asked_for_in_ascii() -> None:
    hosts = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        hosts.append((host, port))
        return []

    with pytest.raises(OutboundError, match="has no address"):
        await Outbound(resolve=resolve).get("https://b\u00fccher.example/")
    assert hosts == [("xn--bcher-kva.example", 443)]


async def test_the_next_address_where_one_does_not_answer() -> None:
    with elsewhere("issuer.test", "127.0.0.2") as party:
        party.says["/"] = Says()
        outbound = Outbound(LOOPBACK, resolver("127.0.0.3", "127.0.0.2"))
        assert (await outbound.get(f"{party.url}/", ca=CA)).status == 200


async def test_plain_http_to_loopback_that_is_allowed() -> None:
    with elsewhere(tls=False) as party:
        party.says["/"] = Says()
        assert (await Outbound(LOOPBACK).get(f"{party.url}/")).status == 200
        with pytest.raises(OutboundError, match="not global"):
            await Outbound().get(f"{party.url}/")
        assert len(party.asked) == 1


def resolver(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (Says(status=302, headers={"location": "https://evil.test/x?t=secret"}), "evil.test: redi"),
        (Says(status=307, headers={"location": "/elsewhere"}), "another path of its own"),
        (Says(status=301, headers={"location": "https://[x/"}), "nowhere"),
        (Says(b" " * (MAX_BODY + 1)), "more than 1048576 bytes"),
        (Says(gzip.compress(b"{}"), headers={"content-encoding": "gzip"}), "compressed"),
        (Says(headers={"content-length": "5000"}), "broke off"),
        (Says(headers={"content-length": "x"}), "broke off"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_no_answer(party: Elsewhere, outbound: Outbound, says: Says, why: str) -> None:
    party.says["/"] = says
    with pytest.raises(OutboundError, match=why) as caught:
        await outbound.get(f"{party.url}/", ca=CA)
    assert "secret" not in str(caught.value)
    assert len(party.asked) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"\xff", b"[" * 100_000], ids=repr)
def test_not_a_document(body: bytes) -> None:
    with pytest.raises(OutboundError, match="not a JSON object"):
        Answer(200, body).document()


async def test_a_body_of_the_largest_size(party: Elsewhere, outbound: Outbound) -> None:
    party.says["/"] = Says(b" " * MAX_BODY)
    assert len((await outbound.get(f"{party.url}/", ca=CA)).body) == MAX_BODY


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/path",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "https://",
        "https://user:password@127.0.0.1/",
        "https://[::1",
        "https://127.0.0.1:port/",
        "https://127.0.0.1:99999/",
        "https://a\x00b/",
        "https://" + "a" * 300 + "/",
    ],
    ids=repr,
)
async def test_urls_that_are_none(outbound: Outbound, url: str) -> None:
    with pytest.raises(OutboundError) as caught:
        await outbound.get(url)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    "ca",
    [None, trustme.CA().cert_pem.bytes().decode(), "", "nonsense", "\u20ac", "\x00"],
    ids=["the system's", "another", "empty", "nonsense", "not ASCII", "null"],
)
async def test_who_is_not_trusted(party: Elsewhere, outbound: Outbound, ca: str | None) -> None:
    with pytest.raises(OutboundError, match=r"CERTIFICATE_VERIFY_FAILED|not a certificate"):
        await outbound.get(f"{party.url}/", ca=ca)
    assert not party.asked


async def test_a_certificate_for_another_name() -> None:
    with elsewhere("other.test") as party:
        outbound = Outbound(LOOPBACK, resolver("127.0.0.1"))
        with pytest.raises(OutboundError, match="CERTIFICATE_VERIFY_FAILED"):
            await outbound.get(f"https://issuer.test:{party.port}/", ca=CA)


async def test_proxies_and_netrc_do_not_count(
    party: Elsewhere, outbound: Outbound, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login alice password secret")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    party.says["/"] = Says()
    assert (await outbound.get(f"{party.url}/", ca=CA)).status == 200
    assert "Authorization" not in party.asked[0].headers


_TOGETHER = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from entrepot.auth.oidc.outbound import trust

begin = Barrier(16)

def ask(_):
    begin.wait()
    return trust(None)

with ThreadPoolExecutor(16) as pool:
    print(len(set(map(id, list(pool.map(ask, range(16)))))))
"""


def test_many_that_begin_together_read_the_systems_cas_once() -> None:
    """In a process that has not read them yet."""
    said = subprocess.run([sys.executable, "-c", _TOGETHER], capture_output=True, check=True)
    assert said.stdout == b"1\n"
