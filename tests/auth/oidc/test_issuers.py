"""Tokens of issuers that are asked for their keys over HTTPS, or whose keys were uploaded.

What must be refused is in tests/security/test_oidc_tokens.py.
"""

import asyncio
import time
from collections.abc import Iterator

import pytest
from tests.auth.oidc.elsewhere import CA, LOOPBACK, Says
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

from entrepot.auth.oidc.discovery import FRESH, PAUSE, STALE, Discovery
from entrepot.auth.oidc.issuer import Issuer
from entrepot.auth.oidc.issuers import Issuers
from entrepot.auth.oidc.keys import Keys
from entrepot.auth.oidc.outbound import Outbound
from entrepot.auth.oidc.token import ALGORITHMS, TokenError


@pytest.fixture
def github() -> Iterator[Issuing]:
    with issuing() as found:
        yield found


def paths(issuing: Issuing) -> list[str]:
    return [asked.path for asked in issuing.party.asked]


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
async def test_algorithms(github: Issuing, algorithm: str) -> None:
    key = KEYS[algorithm]
    github.publish(key)
    assert (await github.verify(github.token(key, algorithm)))["sub"] == "someone"


async def test_keys_are_fetched_once(github: Issuing) -> None:
    for _ in range(3):
        await github.verify(github.token())
    assert paths(github) == [DISCOVERY, "/jwks"]


@pytest.mark.parametrize("kid", [None, "rsa"])
async def test_uploaded_keys(kid: str | None) -> None:
    url = "https://kubernetes.default.svc"
    issuer = Issuer(url, jwks=public(KEY))
    token = sign(claims(url, aud=[AUDIENCE, "other"]), kid=kid)
    found = await Issuers(Discovery(Outbound())).verify(token, {url: issuer}, {"x", AUDIENCE})
    assert found["aud"] == [AUDIENCE, "other"]


async def test_a_set_with_private_and_strange_keys(github: Issuing) -> None:
    strange = [{"kty": "AKP", "kid": "new"}, {"kty": "RSA"}, {"kty": "EC", "crv": "P-999"}, 1, {}]
    mixed = {"keys": [*strange, KEY.as_dict(private=True), *public(KEYS["ES256"])["keys"]]}
    keys = Keys.parse(mixed)
    assert [key.kid for key in keys.keys] == ["rsa", "p256"]
    assert not any(key.is_private for key in keys.keys)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"keys": {}},
        {"keys": []},
        {"keys": [KEY.as_dict(private=False)] * 101},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"}]},
    ],
    ids=["nothing", "no list", "empty", "101", "symmetric"],
)
def test_not_a_set_of_keys(document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="JWKS"):
        Keys.parse(document)
    with pytest.raises(ValueError, match="JWKS"):
        Issuer("https://issuer.test", jwks=document)


@pytest.mark.parametrize(
    "url",
    [
        *("", "issuer", "/issuer", "file:///issuer", "https://", "https:///x", "https://[x"),
        *("https://a/?b", "https://a/#b", "https://u:p@a/", "https://a b/", "https://a\n/"),
        *("https://a\\b/", "https://a:99999/", "https://" + "a" * 600),
    ],
    ids=repr,
)
def test_not_an_issuer(url: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        Issuer(url)


@pytest.mark.parametrize(
    ("seconds", "taken"), [(-301, False), (-31, False), (-10, True), (25, True)]
)
async def test_clocks_may_differ_a_little(github: Issuing, seconds: int, *, taken: bool) -> None:
    token = github.token(exp=int(time.time()) + seconds, iat=None)
    if taken:
        assert await github.verify(token)
    else:
        with pytest.raises(TokenError, match="expired"):
            await github.verify(token)


async def test_a_new_key_is_found_when_a_token_names_it(github: Issuing) -> None:
    await github.verify(github.token())
    github.publish(KEY, KEYS["ES256"])
    github.now = PAUSE
    assert await github.verify(github.token(KEYS["ES256"], "ES256"))
    assert paths(github) == [DISCOVERY, "/jwks"] * 2


async def test_unknown_keys_make_us_ask_seldom(github: Issuing) -> None:
    stranger = github.token(KEYS["ES256"], "ES256")
    for second in range(int(PAUSE * 3)):
        github.now = second
        with pytest.raises(TokenError, match="a key that its issuer does not have"):
            await github.verify(stranger)
    assert paths(github) == [DISCOVERY, "/jwks"] * 3


async def test_keys_are_looked_at_again_after_a_while(github: Issuing) -> None:
    await github.verify(github.token())
    github.publish(STRANGER)
    github.now = FRESH
    assert await github.verify(github.token())
    github.now = FRESH + 1
    with pytest.raises(TokenError, match="signature"):
        await github.verify(github.token())
    assert await github.verify(github.token(STRANGER))


async def test_many_at_once_ask_once(github: Issuing) -> None:
    tokens = [github.token() for _ in range(20)]
    found = await asyncio.gather(*map(github.verify, tokens))
    assert len(found) == 20
    assert paths(github) == [DISCOVERY, "/jwks"]


async def test_an_issuer_that_is_down_is_asked_once_for_all(github: Issuing) -> None:
    github.party.says.clear()
    tokens = [github.token() for _ in range(20)]
    found = await asyncio.gather(*map(github.verify, tokens), return_exceptions=True)
    assert {str(error) for error in found} == {
        f"what {github.party.url} publishes cannot be had now: try again later"
    }
    assert paths(github) == [DISCOVERY]
    github.publish(KEY)
    github.now = PAUSE
    assert await github.verify(github.token())


async def test_keys_are_used_for_a_day_while_the_issuer_is_down(github: Issuing) -> None:
    await github.verify(github.token())
    github.party.says.clear()
    for github.now in (FRESH + 1, STALE):
        assert await github.verify(github.token())
    github.now = STALE + 1
    with pytest.raises(TokenError, match="cannot be had"):
        await github.verify(github.token())


async def test_whoever_was_cancelled_holds_up_nobody(github: Issuing) -> None:
    first = asyncio.create_task(github.verify(github.token()))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await github.verify(github.token())


@pytest.mark.parametrize(
    "says",
    [
        Says(status=500),
        Says(b"<html>"),
        Says(b'{"issuer": "https://other.test", "jwks_uri": "https://other.test/jwks"}'),
        Says(b'{"jwks_uri": "https://other.test/jwks"}'),
        Says(status=302, headers={"location": "/jwks"}),
    ],
    ids=["500", "a page", "another issuer's", "nobody's", "a redirect"],
)
async def test_discovery_that_is_not_taken(
    github: Issuing, says: Says, caplog: pytest.LogCaptureFixture
) -> None:
    github.party.says[DISCOVERY] = says
    with pytest.raises(TokenError, match="cannot be had"):
        await github.verify(github.token())
    assert paths(github) == [DISCOVERY]
    assert f"the issuer {github.party.url} gives no keys: " in caplog.text


@pytest.mark.parametrize("uri", [None, 1, "", "/jwks", "file:///etc/passwd", "http://127.0.0.1/"])
async def test_jwks_uri_that_is_not_taken(github: Issuing, uri: object) -> None:
    github.publish(KEY, jwks_uri=uri)
    with pytest.raises(TokenError, match="cannot be had"):
        await github.verify(github.token())


async def test_the_private_ca_counts_for_its_issuer_only(github: Issuing) -> None:
    issuer = Issuer(github.party.url)
    issuers = Issuers(Discovery(Outbound(LOOPBACK)))
    with pytest.raises(TokenError, match="cannot be had"):
        await issuers.verify(github.token(), {issuer.url: issuer}, [AUDIENCE])
    issuer = Issuer(github.party.url, CA)
    assert await issuers.verify(github.token(), {issuer.url: issuer}, [AUDIENCE])
