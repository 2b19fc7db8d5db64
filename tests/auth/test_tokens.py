"""Registry tokens: what was written is what is read. Attacks are in tests/security."""

import math
from typing import Any

import pytest

from entrepot.auth import keyring, tokens
from entrepot.auth.actor import ANONYMOUS, Actor
from entrepot.auth.keyring import NoKeyError
from entrepot.auth.tokens import ExpiredError, TokenError
from entrepot.db.keys import SigningKey

KEY, OLDER = keyring.make(), keyring.make()
ACCESS = {
    "team/app": frozenset({"pull", "push"}),
    tokens.CATALOG: frozenset({"*"}),
    "a/b/c": frozenset({"delete"}),
}

ACTORS: dict[str, Actor] = {
    "anonymous": ANONYMOUS,
    "a user": Actor("user:alice", ("user:alice", "group:dev"), "password", 7),
    "a limited token": Actor(
        *("user:alice", ("user:alice",), "token x", 7, 3, (("reader", "team/*"),), 3600.0)
    ),
    "an endless token": Actor("robot:ci", ("robot:ci",), "robot secret", 8, 4, None, math.inf),
    "limited to nothing": Actor("user:alice", ("user:alice",), "token x", 7, 3, ()),
    "a workload": Actor("workload:prod", ("workload:prod",), "workload", detail={"pod": "web-1"}),
}


@pytest.mark.parametrize("actor", ACTORS.values(), ids=ACTORS)
def test_what_was_written_is_read(actor: Actor) -> None:
    issued = tokens.issue(actor, ACCESS, [KEY], 300)
    found = tokens.read(issued.token, [KEY])
    assert found.actor == actor
    assert found.access == ACCESS
    assert found.expires == issued.issued_at + 300
    assert issued.expires_in == 300


def test_the_newest_key_that_is_not_retired_signs() -> None:
    retired = SigningKey(OLDER.id, OLDER.private, OLDER.created_at, retired_at=1.0)
    token = tokens.issue(ANONYMOUS, {}, [retired, KEY], 60).token
    tokens.read(token, [KEY])
    with pytest.raises(TokenError):
        tokens.read(token, [retired])
    with pytest.raises(NoKeyError):
        tokens.issue(ANONYMOUS, {}, [retired], 60)
    with pytest.raises(NoKeyError):
        tokens.issue(ANONYMOUS, {}, [], 60)


def test_a_retired_key_verifies() -> None:
    token = tokens.issue(ANONYMOUS, {}, [KEY], 60).token
    retired = SigningKey(KEY.id, KEY.private, KEY.created_at, retired_at=1.0)
    assert tokens.read(token, [OLDER, retired]).access == {}


ENDS: list[tuple[int, type[Exception] | None]] = [(-60, ExpiredError), (60, None)]


@pytest.mark.parametrize(("seconds", "error"), ENDS)
def test_it_ends(seconds: int, error: type[Exception] | None) -> None:
    token = tokens.issue(ANONYMOUS, {}, [KEY], seconds).token
    if error is None:
        assert tokens.read(token, [KEY]).access == {}
        return
    with pytest.raises(error):
        tokens.read(token, [KEY])


@pytest.mark.parametrize("text", ["", ".", "a.b.c", "é.é.é", "x" * 17_000, "eyJ.eyJ.", "\x00"])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(TokenError):
        tokens.read(text, [KEY])


def test_no_two_are_the_same() -> None:
    made = {tokens.issue(ANONYMOUS, {}, [KEY], 60).token for _ in range(20)}
    assert len(made) == 20


def test_the_public_ring_has_no_private_part() -> None:
    ring: dict[str, Any] = keyring.public([KEY, OLDER])
    assert [each["kid"] for each in ring["keys"]] == [KEY.id, OLDER.id]
    assert all("d" not in each for each in ring["keys"])
