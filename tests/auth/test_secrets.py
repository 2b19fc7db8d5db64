"""Secrets: random, recognisable, and not to be had back from what is kept."""

import re

import pytest

from entrepot.auth import secrets
from entrepot.db.secrets import Kind


@pytest.mark.parametrize("kind", Kind)
def test_what_is_made_is_known_as_ours(kind: Kind) -> None:
    made = secrets.make(kind)
    assert secrets.is_ours(made)
    assert re.fullmatch(secrets.PATTERN, made)
    assert secrets.make(kind) != made


def test_each_kind_has_a_prefix_of_its_own() -> None:
    prefixes = {secrets.make(kind)[:13] for kind in Kind}
    assert len(prefixes) == len(Kind)
    assert all(re.fullmatch("entrepot_[a-z]{3}_", each) for each in prefixes)


GOOD = secrets.make(Kind.PERSONAL)

OTHERS = {
    "empty": "",
    "a prefix": "entrepot_pat_",
    "a letter less": GOOD[:-1],
    "a letter more": f"{GOOD}A",
    "another letter": f"{GOOD[:20]}{'A' if GOOD[20] != 'A' else 'B'}{GOOD[21:]}",
    "two letters changed": GOOD[:20] + GOOD[20:22][::-1] + GOOD[22:] + "x",
    "another prefix": GOOD.replace("_pat_", "_rob_"),
    "no prefix": GOOD.removeprefix("entrepot_"),
    "a line": f"{GOOD}\n",
    "another alphabet": GOOD.replace(GOOD[30], "é"),
    "a password": "correct horse battery",
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_what_is_not_ours(text: str) -> None:
    assert not secrets.is_ours(text)


def test_what_is_kept_is_a_hash() -> None:
    kept = secrets.fingerprint(GOOD)
    assert re.fullmatch("[0-9a-f]{64}", kept)
    assert secrets.fingerprint(GOOD) == kept
    assert secrets.fingerprint(GOOD[:-1]) != kept
