"""Single sign-on at a certified provider, and at one that says what it should not."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.auth.oidc.elsewhere import LOOPBACK, Says
from tests.auth.oidc.issuing import DISCOVERY, KEY, Issuing, issuing, sign
from tests.auth.oidc.signing_on import REDIRECT, Running, browse, running

from entrepot.auth.oidc.discovery import Discovery
from entrepot.auth.oidc.outbound import Outbound
from entrepot.auth.oidc.person import Person
from entrepot.auth.oidc.provider import Provider
from entrepot.auth.oidc.sso import SignOn, SignOnError, Started

ALICE = Person("alice", "alice", "alice@example.com", ("dev", "ops"))


@pytest.fixture(scope="module")
def certified() -> Iterator[Running]:
    """Says groups in userinfo only, as OpenID Connect Core §5.4 has it."""
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def talkative() -> Iterator[Running]:
    """Says all in the ID token."""
    with running(conformIdTokenClaims=False, clientAuthMethods=["client_secret_post"]) as found:
        yield found


async def sign_in(sign_on: SignOn, login: str) -> Person:
    started = await sign_on.start(REDIRECT)
    back = browse(started.url, login)
    return await sign_on.finish(started, back["code"], REDIRECT, back["state"], back["iss"])


async def test_groups_from_userinfo(certified: Running) -> None:
    assert await sign_in(certified.sign_on(), "alice") == ALICE


async def test_groups_from_the_id_token(talkative: Running) -> None:
    assert await sign_in(talkative.sign_on("post"), "alice") == ALICE


async def test_a_client_without_a_secret(certified: Running) -> None:
    assert await sign_in(certified.sign_on("public", None), "alice") == ALICE


@pytest.mark.parametrize(
    ("login", "more", "expected"),
    [
        ("bob", {}, Person("bob", "bob@example.com", "bob@example.com", ())),
        ("bob", {"user_claim": "sub"}, Person("bob", "bob", "bob@example.com", ())),
        ("mallory", {"user_claim": "sub"}, Person("mallory", "mallory", "", ("dev",))),
        ("alice", {"user_claim": "email"}, replace(ALICE, name="alice@example.com")),
        ("alice", {"groups_claim": "none"}, replace(ALICE, groups=())),
        ("alice", {"scopes": ("profile",)}, Person("alice", "alice", "", ())),
    ],
    ids=str,
)
async def test_who_it_is(
    certified: Running, login: str, more: dict[str, Any], expected: Person
) -> None:
    assert await sign_in(certified.sign_on(**more), login) == expected


@pytest.mark.parametrize(
    ("login", "more", "why"),
    [
        ("mallory", {}, "no 'preferred_username' and no verified e-mail"),
        ("mallory", {"user_claim": "email"}, "no 'email' and no verified e-mail"),
        ("eve", {}, "'al ice' is no name"),
        ("nobody", {}, "no 'preferred_username'"),
    ],
)
async def test_who_has_no_name_here(
    certified: Running, login: str, more: dict[str, Any], why: str
) -> None:
    with pytest.raises(SignOnError, match=why):
        await sign_in(certified.sign_on(**more), login)


async def test_what_the_browser_carries(certified: Running) -> None:
    sign_on = certified.sign_on()
    first, second = await sign_on.start(REDIRECT), await sign_on.start(REDIRECT)
    asked = dict(parse_qsl(urlsplit(first.url).query))
    assert asked["code_challenge_method"] == "S256"
    assert asked["state"] == first.state
    assert asked["nonce"] == first.nonce
    assert asked["scope"] == "openid profile email groups"
    assert first.verifier not in first.url
    assert len({first.state, first.verifier, first.nonce, second.state, second.verifier}) == 5
    assert not {first.state, first.verifier, first.nonce} & set(repr(first).split("'"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"verifier": "v" * 43}, "refused the sign-on: invalid_grant"),
        ({"verifier": ""}, "refused the sign-on: invalid_"),
        ({"nonce": "other"}, "its nonce is another"),
        ({"state": "other"}, "not begun in this browser"),
    ],
    ids=str,
)
async def test_what_stays_here_must_fit(
    certified: Running, change: dict[str, str], why: str
) -> None:
    sign_on = certified.sign_on()
    started = await sign_on.start(REDIRECT)
    back = browse(started.url, "alice")
    with pytest.raises(SignOnError, match=why):
        await sign_on.finish(replace(started, **change), back["code"], REDIRECT, back["state"])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"state": ""}, "not begun in this browser"),
        ({"state": "\ud800\u00e9"}, "not begun in this browser"),
        ({"iss": "https://other.test"}, "another provider's"),
        ({"code": "other"}, "refused the sign-on: invalid_grant"),
        ({"redirect_uri": "https://registry.test/other"}, "refused the sign-on: invalid_grant"),
    ],
    ids=ascii,
)
async def test_what_the_browser_brings_must_fit(
    certified: Running, change: dict[str, str], why: str
) -> None:
    sign_on = certified.sign_on()
    started = await sign_on.start(REDIRECT)
    back = {**browse(started.url, "alice"), "redirect_uri": REDIRECT}
    with pytest.raises(SignOnError, match=why):
        await sign_on.finish(started, **{**back, **change})


async def test_a_code_is_good_once(certified: Running) -> None:
    sign_on = certified.sign_on()
    started = await sign_on.start(REDIRECT)
    back = browse(started.url, "alice")
    brought = (started, back["code"], REDIRECT, back["state"])
    assert await sign_on.finish(*brought) == ALICE
    with pytest.raises(SignOnError, match="refused the sign-on: invalid_grant"):
        await sign_on.finish(*brought)


async def test_a_code_of_another_sign_on(certified: Running) -> None:
    """An attacker's own code in the victim's browser."""
    sign_on = certified.sign_on()
    attacker, victim = await sign_on.start(REDIRECT), await sign_on.start(REDIRECT)
    code = browse(attacker.url, "bob")["code"]
    with pytest.raises(SignOnError, match="refused the sign-on: invalid_grant"):
        await sign_on.finish(victim, code, REDIRECT, victim.state)


async def test_a_wrong_secret(certified: Running) -> None:
    sign_on = certified.sign_on(secret="wrong")
    with pytest.raises(SignOnError, match="refused the sign-on: invalid_client"):
        await sign_in(sign_on, "alice")


@pytest.fixture
def scripted() -> Iterator[Issuing]:
    """A provider that says what a test wants."""
    with issuing() as found:
        url = found.party.url
        found.publish(
            KEY,
            authorization_endpoint=f"{url}/authorize?tenant=1",
            token_endpoint=f"{url}/token",
            userinfo_endpoint=f"{url}/userinfo",
        )
        yield found


def client(scripted: Issuing) -> SignOn:
    outbound = Outbound(LOOPBACK)
    return SignOn(Provider(scripted.issuer, "registry"), outbound, Discovery(outbound))


GOOD = {"sub": "1", "preferred_username": "alice", "groups": ["dev"], "aud": "registry"}


async def answered(scripted: Issuing, changes: dict[str, Any], answer: Any = None) -> Person:
    """Sign on where the ID token is changed, or the whole answer."""
    sign_on = client(scripted)
    started: Started = await sign_on.start(REDIRECT)
    now = int(time.time())
    said = {**GOOD, "iss": scripted.party.url, "exp": now + 60, "nonce": started.nonce, **changes}
    token = sign({name: value for name, value in said.items() if value is not None})
    whole = {"access_token": "t", "token_type": "Bearer", "id_token": token}
    content = whole if answer is None else answer
    scripted.party.says["/token"] = Says(json.dumps(content).encode())
    return await sign_on.finish(started, "code", REDIRECT, started.state)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"azp": "registry"},
        {"aud": ["registry"]},
        {"aud": ["registry", "other"], "azp": "registry"},
    ],
    ids=str,
)
async def test_id_tokens_that_are_taken(scripted: Issuing, changes: dict[str, Any]) -> None:
    assert await answered(scripted, changes) == Person("1", "alice", "", ("dev",))
    assert "/userinfo" not in [asked.path for asked in scripted.party.asked]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"aud": "other"}, "another audience"),
        ({"aud": ["registry", "other"]}, "another client's"),
        ({"aud": ["registry", "other"], "azp": "other"}, "another client's"),
        ({"azp": "other"}, "another client's"),
        ({"azp": ""}, "another client's"),
        ({"nonce": None}, "nonce is another"),
        ({"nonce": ""}, "nonce is another"),
        ({"nonce": 1}, "nonce is another"),
        ({"exp": 1}, "expired"),
        ({"sub": None}, "lacks sub"),
        ({"iss": "https://other.test"}, "issuer is not trusted"),
        ({"preferred_username": "\u212aim"}, "is no name"),
        ({"preferred_username": "user:admin"}, "is no name"),
        ({"preferred_username": "alice\n"}, "is no name"),
        ({"preferred_username": "x" * 129}, "is no name"),
        ({"preferred_username": "-rf"}, "is no name"),
    ],
    ids=ascii,
)
async def test_id_tokens_that_are_refused(
    scripted: Issuing, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(SignOnError, match=why):
        await answered(scripted, changes)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({}, "no ID token"),
        ({"id_token": None}, "no ID token"),
        ({"id_token": "x"}, "not a signed JWT"),
        ([], "does not answer as it should"),
    ],
    ids=str,
)
async def test_answers_without_an_id_token(scripted: Issuing, answer: Any, why: str) -> None:
    with pytest.raises(SignOnError, match=why):
        await answered(scripted, {}, answer)


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (Says(b'{"sub": "2", "groups": ["ops"]}'), "not about whoever signed on"),
        (Says(b'{"groups": ["ops"]}'), "not about whoever signed on"),
        (Says(b'{"sub": "1", "groups": ["ops"]}', status=401), "not about whoever signed on"),
        (Says(b"eyJ.eyJ.x"), "does not answer as it should"),
        (Says(status=302, headers={"location": "/"}), "does not answer as it should"),
    ],
    ids=["another's", "nobody's", "401", "signed", "redirect"],
)
async def test_userinfo_that_is_refused(scripted: Issuing, says: Says, why: str) -> None:
    scripted.party.says["/userinfo"] = says
    with pytest.raises(SignOnError, match=why):
        await answered(scripted, {"groups": None})


async def test_the_id_token_goes_before_userinfo(scripted: Issuing) -> None:
    said = {"sub": "1", "groups": ["ops"], "preferred_username": "bob", "email": "a@b.c"}
    scripted.party.says["/userinfo"] = Says(json.dumps(said).encode())
    assert await answered(scripted, {"groups": None}) == Person("1", "alice", "a@b.c", ("ops",))
    assert scripted.party.asked[-1].headers["Authorization"] == "Bearer t"


async def test_an_endpoint_that_has_a_query(scripted: Issuing) -> None:
    started = await client(scripted).start(REDIRECT)
    assert started.url.startswith(f"{scripted.party.url}/authorize?tenant=1&response_type=code&")


@pytest.mark.parametrize("where", ["javascript:alert(1)", "", "/x", None, 1], ids=repr)
async def test_an_endpoint_that_is_none(scripted: Issuing, where: Any) -> None:
    scripted.publish(KEY, authorization_endpoint=where)
    with pytest.raises(SignOnError, match="authorization_endpoint"):
        await client(scripted).start(REDIRECT)


async def test_a_provider_that_is_down(scripted: Issuing) -> None:
    del scripted.party.says[DISCOVERY]
    with pytest.raises(SignOnError, match="cannot be had"):
        await client(scripted).start(REDIRECT)


async def test_a_token_endpoint_inside(scripted: Issuing, caplog: pytest.LogCaptureFixture) -> None:
    """SSRF: the code and the secret go nowhere that is not allowed."""
    inside = "https://169.254.169.254/latest"
    url = scripted.party.url
    scripted.publish(KEY, authorization_endpoint=f"{url}/a", token_endpoint=inside)
    with pytest.raises(SignOnError, match="does not answer as it should") as caught:
        await answered(scripted, {})
    assert "169.254" not in str(caught.value)
    assert "169.254.169.254, which is not global" in caplog.text
