"""What is sealed comes back as it was, to whom it is meant, in time; or not at all."""

import pytest

from entrepot.auth import keyring, sealed
from entrepot.db.keys import SigningKey

WORDS = {"state": "a", "port": ""}
KEYS = [keyring.make()]


def test_it_comes_back() -> None:
    text = sealed.seal("test", WORDS, KEYS)
    assert sealed.unseal("test", text, KEYS, 60) == WORDS
    assert "state" not in text


@pytest.mark.parametrize(
    ("purpose", "keys", "seconds"),
    [("other", KEYS, 60), ("test", [keyring.make(), *KEYS], 60), ("test", KEYS, -1)],
    ids=["another purpose", "the key was rotated", "too late"],
)
def test_it_does_not_come_back(purpose: str, keys: list[SigningKey], seconds: int) -> None:
    text = sealed.seal("test", WORDS, KEYS)
    assert sealed.unseal(purpose, text, keys, seconds) is None


@pytest.mark.parametrize("text", ["", "x", "gAAAAA", "\u00e9", "\udcff", "a" * 10_000])
def test_what_nobody_sealed(text: str) -> None:
    assert sealed.unseal("test", text, KEYS, 60) is None


def test_a_letter_that_was_changed() -> None:
    text = sealed.seal("test", WORDS, KEYS)
    for at in range(0, len(text), 7):
        other = "A" if text[at] != "A" else "B"
        assert sealed.unseal("test", text[:at] + other + text[at + 1 :], KEYS, 60) is None
