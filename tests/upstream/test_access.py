"""What a registry asks for to let somebody in, in all the ways to write that."""

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from entrepot.upstream.access import Access, Credential
from entrepot.upstream.answer import Answer

LOGIN = Credential("alice", "secret")
SCOPE = "repository:team/app:pull"
BEARER = 'Bearer realm="https://up.test/token",service="up"'
ASKED = ("https://up.test/token", [("service", "up"), ("scope", SCOPE)])


class Service:
    """A token service that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[tuple[str, str]]]] = []

    def fetch(self, _method: str, url: str, given: Mapping[str, Any]) -> Answer:
        self.asked.append((url, given["params"]))
        return Answer(200, httpx2.Headers(), b'{"token": "t"}')


@pytest.mark.parametrize(
    "challenge",
    [
        BEARER,
        BEARER.replace("Bearer", "bearer").replace("realm", "Realm"),
        BEARER.replace(",", " , "),
        'Bearer realm=https://up.test/token, service="up"',
        f'Basic realm="up", {BEARER}',
        f'{BEARER}, Basic realm="up"',
        f"Negotiate, {BEARER}",
        f'Digest realm="x", nonce="Bearer, =", {BEARER}',
        f'{BEARER},error="invalid_token",error_description="it has ended, log in"',
    ],
)
def test_a_token_is_asked_for(challenge: str) -> None:
    service = Service()
    access = Access("https://up.test", LOGIN, service.fetch)
    assert access.renew(SCOPE, None, challenge)
    assert access.shown(SCOPE) == "Bearer t"
    assert service.asked == [ASKED]


def test_what_stands_in_the_address_of_the_service_stays() -> None:
    service = Service()
    access = Access("https://up.test", None, service.fetch)
    assert access.renew(SCOPE, None, 'Bearer realm="https://up.test/token?account=a%20b&x="')
    place, given = service.asked[0]
    assert place == "https://up.test/token"
    assert given == [("account", "a b"), ("x", ""), ("scope", SCOPE)]


@pytest.mark.parametrize(
    "challenge", ['Basic realm="up"', "Negotiate, BASIC", 'basic realm="a, b"']
)
def test_a_password_is_asked_for(challenge: str) -> None:
    access = Access("https://up.test", LOGIN, Service().fetch)
    assert access.renew(SCOPE, None, challenge)
    assert access.shown(SCOPE) == LOGIN.basic


@pytest.mark.parametrize("challenge", ["", "Negotiate", 'Digest realm="Basic"'])
def test_who_asks_for_something_else_is_shown_nothing(challenge: str) -> None:
    access = Access("https://up.test", LOGIN, Service().fetch)
    assert not access.renew(SCOPE, None, challenge)
