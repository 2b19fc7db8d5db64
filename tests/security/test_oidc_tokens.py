"""Tokens that others forged, and addresses that tokens and documents would like us to ask.

The parts that verify and go out are run as they are, against real servers on loopback.
"""

import base64
import hashlib
import hmac
import json
import socket
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from joserfc.jwk import Key, OKPKey, RSAKey
from tests.auth.oidc.elsewhere import CA, LOOPBACK, Elsewhere, Says, elsewhere
from tests.auth.oidc.issuing import (
    AUDIENCE,
    DISCOVERY,
    KEY,
    KEYS,
    STRANGER,
    Issuing,
    claims,
    issuing,
    public,
    sign,
)

from entrepot.addresses import Network, network
from entrepot.auth.oidc.answer import OutboundError
from entrepot.auth.oidc.discovery import Discovery
from entrepot.auth.oidc.issuer import Issuer
from entrepot.auth.oidc.issuers import Issuers
from entrepot.auth.oidc.keys import Keys
from entrepot.auth.oidc.outbound import Outbound
from entrepot.auth.oidc.token import LONGEST, TokenError


@pytest.fixture
def issuer() -> Iterator[Issuing]:
    with issuing() as found:
        yield found


@pytest.fixture
def trap() -> Iterator[Elsewhere]:
    """A party that nobody has configured; whoever asks it was led astray."""
    with elsewhere() as party:
        party.says["/jwks"] = Says(json.dumps(public(STRANGER)).encode())
        yield party


def encode(value: Any) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


async def refused(issuer: Issuing, token: str, why: str) -> None:
    with pytest.raises(TokenError, match=why) as caught:
        await issuer.verify(token)
    said = str(caught.value)
    assert not {part for part in token.split(".") if len(part) > 8 and part in said}
    assert said.isprintable()
    assert len(said) < 200
    assert await issuer.verify(issuer.token())  # a good one is taken all the same


async def test_cve_2025_24976_embedded_jwk(issuer: Issuing) -> None:
    for kid in ("rsa", "other", None):
        header: Any = {"jwk": STRANGER.as_dict(private=False), "kid": kid}
        await refused(issuer, sign(claims(issuer.party.url), STRANGER, **header), "'jwk'")


@pytest.mark.parametrize("name", ["jku", "x5u"])
async def test_cve_2025_24976_keys_from_a_url(issuer: Issuing, trap: Elsewhere, name: str) -> None:
    header = {name: f"{trap.url}/jwks"}
    await refused(issuer, sign(claims(issuer.party.url), STRANGER, **header), f"'{name}'")
    assert not trap.asked


@pytest.mark.parametrize(
    "header",
    [
        {"x5c": ["MIIB"]},
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": ["b64"], "b64": True},
        {"b64": True},
    ],
    ids=str,
)
async def test_headers_that_bring_their_own_rules(issuer: Issuing, header: dict[str, Any]) -> None:
    token = sign(claims(issuer.party.url), **header)
    await refused(issuer, token, f"'{next(iter(header))}'")


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", ["", "c2ln"])
async def test_alg_none(issuer: Issuing, name: str, signature: str) -> None:
    head = encode({"alg": name, "kid": "rsa"})
    token = f"{head}.{encode(claims(issuer.party.url))}.{signature}"
    await refused(issuer, token, "algorithm is not taken" if signature else "not a signed JWT")


@pytest.mark.parametrize("name", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("form", ["pem", "der", "n"])
async def test_cve_2026_27962_the_public_key_as_a_secret(
    issuer: Issuing, name: str, form: str
) -> None:
    assert isinstance(KEY, RSAKey)
    secret = {
        "pem": KEY.as_pem(private=False),
        "der": KEY.as_der(private=False),
        "n": str(KEY.as_dict(private=False)["n"]).encode(),
    }[form]
    signed = f"{encode({'alg': name, 'kid': 'rsa'})}.{encode(claims(issuer.party.url))}"
    mac = hmac.new(secret, signed.encode(), getattr(hashlib, f"sha{name[2:]}")).digest()
    await refused(issuer, f"{signed}.{encode(mac)}", "algorithm is not taken")


async def test_symmetric_keys_in_a_set_are_none(issuer: Issuing) -> None:
    secret = {"kty": "oct", "kid": "shared", "k": encode(b"s" * 32)}
    keys = {"keys": [secret, *public(KEY)["keys"]]}
    issuer.party.says["/jwks"] = Says(json.dumps(keys).encode())
    signed = f"{encode({'alg': 'HS256', 'kid': 'shared'})}.{encode(claims(issuer.party.url))}"
    mac = hmac.new(b"s" * 32, signed.encode(), hashlib.sha256).digest()
    await refused(issuer, f"{signed}.{encode(mac)}", "algorithm is not taken")


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES256K", None),
        ("RSA1_5", None),
        ("RS1", None),
        ("EdDSA448", None),
        (["RS256"], None),
        (None, None),
        (256, None),
    ],
    ids=repr,
)
async def test_algorithms_that_are_not_on_the_list(
    issuer: Issuing, algorithm: Any, key: None
) -> None:
    token = f"{encode({'alg': algorithm, 'kid': 'rsa'})}.{encode(claims(issuer.party.url))}.c2ln"
    await refused(issuer, token, "algorithm is not taken")


@pytest.mark.parametrize(
    "changes",
    [{"alg": "RS512"}, {"alg": "PS256"}, {"use": "enc"}, {"key_ops": ["sign"]}],
    ids=str,
)
async def test_a_key_is_only_for_what_it_says(issuer: Issuing, changes: dict[str, Any]) -> None:
    keys = public(KEY, kid="bound", **changes)["keys"] + public(KEY)["keys"]
    issuer.party.says["/jwks"] = Says(json.dumps({"keys": keys}).encode())
    token = sign(claims(issuer.party.url), kid="bound")
    await refused(issuer, token, "not for its algorithm")


@pytest.mark.parametrize(("algorithm", "kid"), [("ES256", "rsa"), ("ES384", "p256")])
async def test_a_key_of_another_kind(issuer: Issuing, algorithm: str, kid: str) -> None:
    issuer.publish(KEY, KEYS["ES256"])
    token = sign(claims(issuer.party.url), KEYS[algorithm], algorithm, kid=kid)
    await refused(issuer, token, "not for its algorithm")


async def test_a_key_for_agreement_signs_nothing(issuer: Issuing) -> None:
    issuer.publish(KEY, OKPKey.generate_key("X25519", {"kid": "x"}))
    token = sign(claims(issuer.party.url), KEYS["EdDSA"], "EdDSA", kid="x")
    await refused(issuer, token, "signature is wrong")


@pytest.mark.parametrize("kid", ["", "rsa\x00", "RSA", "../rsa", "https://evil.test/jwks"])
async def test_cve_2026_123710_unknown_kid(issuer: Issuing, kid: str) -> None:
    token = sign(claims(issuer.party.url), STRANGER, kid=kid)
    await refused(issuer, token, "names a key that its issuer does not have")


@pytest.mark.parametrize("kid", [1, ["rsa"], {"rsa": 1}, True], ids=repr)
async def test_kid_that_is_no_text(issuer: Issuing, kid: Any) -> None:
    await refused(issuer, sign(claims(issuer.party.url), kid=kid), "kid is no text")


async def test_no_kid_where_there_are_several_keys(issuer: Issuing) -> None:
    issuer.publish(KEY, KEYS["ES256"])
    await refused(issuer, sign(claims(issuer.party.url), kid=None), "names no key")


async def test_two_keys_under_one_kid(issuer: Issuing) -> None:
    keys = Keys.parse(public(KEY, STRANGER))
    with pytest.raises(TokenError, match="not for its algorithm"):
        keys.choose("rsa", "RS256")


def test_weak_and_huge_keys() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weak: Key = RSAKey.generate_key(1024, {"kid": "weak"})
    huge = {"kty": "RSA", "kid": "huge", "n": encode(b"\xff" * 2048), "e": "AQAB"}
    with pytest.raises(ValueError, match="no key"):
        Keys.parse({"keys": [*public(weak)["keys"], huge]})


async def test_another_key_of_the_same_name(issuer: Issuing) -> None:
    await refused(issuer, sign(claims(issuer.party.url), STRANGER), "signature is wrong")


async def test_claims_that_were_changed(issuer: Issuing) -> None:
    head, _, signature = issuer.token().split(".")
    changed = encode(claims(issuer.party.url, sub="admin"))
    await refused(issuer, f"{head}.{changed}.{signature}", "signature is wrong")


@pytest.mark.parametrize("signature", ["AA", "A" * 342, "A" * 8000], ids=len)
async def test_signatures_that_are_none(issuer: Issuing, signature: str) -> None:
    head, body, _ = issuer.token().split(".")
    await refused(issuer, f"{head}.{body}.{signature}", "signature is wrong")


async def test_ecdsa_of_nothing(issuer: Issuing) -> None:
    """CVE-2022-21449: r = s = 0 was good for anything."""
    issuer.publish(KEY, KEYS["ES256"])
    head = encode({"alg": "ES256", "kid": "p256"})
    token = f"{head}.{encode(claims(issuer.party.url))}.{encode(bytes(64))}"
    await refused(issuer, token, "signature is wrong")


NOW, DAY = int(time.time()), 24 * 3600
"""When tests are collected; the last of them may run hours later."""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": None}, "lacks exp"),
        ({"exp": NOW - 3600}, "has expired"),
        ({"exp": 0}, "has expired"),
        ({"exp": str(NOW + 300)}, "exp cannot be"),
        ({"exp": [NOW + 300]}, "exp cannot be"),
        ({"exp": True}, "exp cannot be"),
        ({"exp": float("nan")}, "exp cannot be"),
        ({"exp": float("inf")}, "exp cannot be"),
        ({"exp": float("-inf")}, "exp cannot be"),
        ({"nbf": NOW + DAY}, "not good yet"),
        ({"nbf": "now"}, "not good yet"),
        ({"iat": NOW + DAY}, "in the future"),
        ({"iat": {}}, "in the future"),
        ({"aud": None}, "lacks aud"),
        ({"aud": "other"}, "another audience"),
        ({"aud": ""}, "another audience"),
        ({"aud": []}, "another audience"),
        ({"aud": ["other"]}, "another audience"),
        ({"aud": AUDIENCE.upper()}, "another audience"),
        ({"aud": f"{AUDIENCE},other"}, "another audience"),
        ({"aud": f" {AUDIENCE}"}, "another audience"),
        ({"aud": {AUDIENCE: 1}}, "another audience"),
        ({"aud": [[AUDIENCE]]}, "another audience"),
        ({"aud": [AUDIENCE, 1]}, "another audience"),
        ({"sub": None}, "lacks sub"),
        ({"sub": ""}, "sub cannot be"),
        ({"sub": 1}, "sub cannot be"),
        ({"sub": ["someone"]}, "sub cannot be"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
async def test_cve_2026_48526_claims(issuer: Issuing, changes: dict[str, Any], why: str) -> None:
    await refused(issuer, issuer.token(**changes), why)


@pytest.mark.parametrize("audiences", [[], (), set()], ids=repr)
async def test_no_audience_is_not_any_audience(issuer: Issuing, audiences: Any) -> None:
    with pytest.raises(TokenError, match="another audience"):
        await issuer.issuers.verify(issuer.token(), {issuer.issuer.url: issuer.issuer}, audiences)


@pytest.mark.parametrize("kind", ["at+jwt", "logout+jwt", "JWE", "", 1], ids=repr)
async def test_tokens_of_another_type(issuer: Issuing, kind: Any) -> None:
    await refused(issuer, sign(claims(issuer.party.url), typ=kind), "another type")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        "{}",
        "a.b.c",
        "\u00e9.b.c",
        " a.b.c",
        "a.b.c\n",
        "YQ==.YQ==.YQ==",
        f"{encode([])}.{encode({})}.c2ln",
        f"{encode({})}.{encode([])}.c2ln",
        f"{encode(b'[' * 5000)}.{encode({})}.c2ln",
        f"{encode({'alg': 'RS256'})}.{encode(b'[' * 5000)}.c2ln",
        f"{encode({'alg': 'RS256'})}.{encode(b'9' * 5000)}.c2ln",
    ],
    ids=lambda token: ascii(token[:20]),
)
async def test_what_is_no_token(issuer: Issuing, token: str) -> None:
    await refused(issuer, token, "not a signed JWT|algorithm is not taken")


async def test_a_token_that_is_too_long(issuer: Issuing) -> None:
    await refused(issuer, issuer.token(more="x" * LONGEST), f"longer than {LONGEST}")


async def test_the_body_of_an_encrypted_token_is_not_read(issuer: Issuing) -> None:
    head = encode({"alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF"})
    await refused(issuer, f"{head}.a.b.c.d", "not a signed JWT")


@pytest.mark.parametrize(
    "change",
    [lambda url: url + "/", lambda url: url.upper(), lambda _: None, lambda url: [url]],
    ids=["slash", "upper", "none", "list"],
)
async def test_cve_2026_48522_another_issuer(issuer: Issuing, change: Any) -> None:
    token = sign(claims("", iss=change(issuer.party.url)))
    await refused(issuer, token, "issuer is not trusted here")


async def test_an_issuer_signs_only_for_itself(issuer: Issuing) -> None:
    """A token that names one trusted issuer, signed by another one."""
    with issuing() as other:
        other.publish(STRANGER)
        both = {found.issuer.url: found.issuer for found in (issuer, other)}
        forged = sign(claims(issuer.party.url), STRANGER)
        with pytest.raises(TokenError, match="signature is wrong"):
            await issuer.issuers.verify(forged, both, [AUDIENCE])
        good = sign(claims(other.party.url), STRANGER)
        assert await issuer.issuers.verify(good, both, [AUDIENCE])


async def test_ssrf_the_issuer_of_a_token_is_never_asked(issuer: Issuing, trap: Elsewhere) -> None:
    trap.says[DISCOVERY] = Says(
        json.dumps({"issuer": trap.url, "jwks_uri": f"{trap.url}/jwks"}).encode()
    )
    await refused(issuer, sign(claims(trap.url), STRANGER), "issuer is not trusted here")
    assert not trap.asked


async def test_ssrf_a_document_that_points_inside(
    issuer: Issuing, trap: Elsewhere, caplog: pytest.LogCaptureFixture
) -> None:
    """An issuer on an address that is allowed names keys on one that is not."""
    inside = f"https://127.0.0.2:{trap.port}/jwks"
    issuer.publish(KEY, jwks_uri=inside)
    allowed = Discovery(Outbound((network("127.0.0.1"),)))
    with pytest.raises(TokenError, match="cannot be had") as caught:
        await Issuers(allowed).verify(
            issuer.token(), {issuer.issuer.url: issuer.issuer}, [AUDIENCE]
        )
    assert "127.0.0.2" not in str(caught.value)
    assert "127.0.0.2 has the address 127.0.0.2, which is not global" in caplog.text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_ssrf_a_redirect(issuer: Issuing, trap: Elsewhere, status: int) -> None:
    for path in ("/jwks", DISCOVERY):
        says = Says(status=status, headers={"location": f"{trap.url}/jwks"})
        issuer.party.says[path] = says
        issuer.now += 3600
        with pytest.raises(TokenError, match="cannot be had"):
            await issuer.verify(issuer.token())
    assert not trap.asked


INSIDE = [
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "0", "localhost", "[::1]"),
    *("[::ffff:127.0.0.1]", "[::]", "0.0.0.0", "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]"),
    *(
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ),
]


@pytest.mark.parametrize("host", INSIDE)
async def test_ssrf_addresses_inside(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        with pytest.raises(OutboundError, match=r"is not global|has no address"):
            await Outbound().get(f"https://{host}:{port}/")
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.2", "127.0.0.1"], ["1.1.1.1", "169.254.169.254"], ["127.0.0.1"], []],
    ids=str,
)
async def test_ssrf_one_bad_address_is_enough(addresses: list[str]) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    allow: tuple[Network, ...] = (network("127.0.0.2"),)
    with pytest.raises(OutboundError, match=r"is not global|has no address"):
        await Outbound(allow, resolve).get("https://rebind.test/")


async def test_ssrf_dns_rebinding() -> None:
    """A name that is harmless when it is checked, and leads inside a moment later."""
    answers = [["127.0.0.2"], ["127.0.0.1"]]

    async def resolve(host: str, port: int) -> Sequence[str]:
        assert host == "rebind.test"
        return answers.pop(0)

    with (
        socket.create_server(("127.0.0.1", 0)) as inside,
        elsewhere("rebind.test", "127.0.0.2", inside.getsockname()[1]) as party,
    ):
        inside.setblocking(False)
        party.says["/"] = Says()
        outbound = Outbound((network("127.0.0.2"),), resolve)
        assert (await outbound.get(f"{party.url}/", ca=CA)).status == 200
        assert party.names == ["rebind.test"]
        with pytest.raises(OutboundError, match=r"127\.0\.0\.1, which is not global"):
            await outbound.get(f"{party.url}/", ca=CA)
        assert len(party.asked) == 1
        with pytest.raises(BlockingIOError):
            inside.accept()


async def test_ssrf_plain_http_only_where_it_is_allowed() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["192.0.2.1"]

    with pytest.raises(OutboundError, match="by https, not http"):
        await Outbound((network("192.0.2.0/24"),), resolve).get("http://issuer.test/")


async def test_an_issuer_that_never_ends_costs_no_memory(issuer: Issuing) -> None:
    issuer.party.says["/jwks"] = Says(b" " * (8 * 1024 * 1024))
    with pytest.raises(TokenError, match="cannot be had"):
        await issuer.verify(issuer.token())


async def test_an_issuer_without_its_certificate(trap: Elsewhere) -> None:
    issuer = Issuer(trap.url)
    trap.says[DISCOVERY] = Says(
        json.dumps({"issuer": trap.url, "jwks_uri": f"{trap.url}/jwks"}).encode()
    )
    with pytest.raises(TokenError, match="cannot be had"):
        await Issuers(Discovery(Outbound(LOOPBACK))).verify(
            sign(claims(trap.url), STRANGER), {issuer.url: issuer}, [AUDIENCE]
        )
    assert not trap.asked
