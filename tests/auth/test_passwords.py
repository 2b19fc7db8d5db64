"""Passwords: hashed for keeping, checked, and remembered for a moment once found good."""

import asyncio
import sys

import pytest
from tests.tools import run

from entrepot.auth.passwords import LEAST, MOST, Passwords, check_new, hashed, make

GOOD = "correct horse battery"


@pytest.fixture(scope="module")
def kept() -> str:
    return hashed(GOOD)


@pytest.mark.parametrize(
    ("tried", "good"), [(GOOD, True), (GOOD.upper(), False), ("", False), (f"{GOOD} ", False)]
)
def test_verify(kept: str, tried: str, good: bool) -> None:
    async def verify() -> tuple[bool, bool, bool]:
        passwords = Passwords()
        before = passwords.known(kept, tried)
        return before, await passwords.verify(kept, tried), passwords.known(kept, tried)

    assert asyncio.run(verify()) == (False, good, good)


def test_what_is_known_is_one_password_of_one_account(kept: str) -> None:
    """A password that was changed has another hash, and so is not known, nor is the old one."""

    async def known() -> list[bool]:
        passwords = Passwords()
        assert await passwords.verify(kept, GOOD)
        renewed = hashed(GOOD)
        pairs = [(kept, "another one"), (renewed, GOOD), (None, GOOD)]
        return [passwords.known(*pair) for pair in pairs]

    assert asyncio.run(known()) == [False, False, False]


def test_nobody_has_no_password() -> None:
    assert not asyncio.run(Passwords().verify(None, GOOD))


def test_to_guess_takes_long() -> None:
    """Where tests do not see to it that it takes none: RFC 9106's second recommended option."""
    words = f"from entrepot.auth.passwords import hashed; print(hashed({GOOD!r}))"
    assert run(sys.executable, "-c", words).stdout.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.parametrize("length", [0, LEAST - 1, MOST + 1])
def test_not_fit(length: int) -> None:
    with pytest.raises(ValueError, match=f"{LEAST} to {MOST} characters"):
        check_new("x" * length)


def test_made_up_ones_are_fit_and_differ() -> None:
    assert check_new(make()) != make()
