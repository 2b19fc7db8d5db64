"""Grants that are found by name are those that a look at all of them finds."""

import random

import pytest

from entrepot.auth import pattern
from entrepot.auth.granted import Granted
from entrepot.db.grants import Grant

PATTERNS = [
    "*", "t*", "team*", "team/*", "team-*", "team/app", "team/app*", "team/app-*", "team/app/*",
    "team", "teams/*", "other/*", "other/app", "a", "a/*", "a/b/*", "a/b/c",
]  # fmt: skip
NAMES = [
    "team", "team/app", "team/app-1", "team/app/x", "teams/app", "team-b/app", "t", "other",
    "other/app", "a", "a/b", "a/b/c", "a/b/c/d", "zzz",
]  # fmt: skip

GRANTED = [
    Grant(number, "user:alice", "reader", each, 0.0, "test", None)
    for number, each in enumerate(random.Random(1).sample(PATTERNS * 2, len(PATTERNS) * 2))
]


@pytest.mark.parametrize("name", NAMES)
def test_on(name: str) -> None:
    wanted = [each for each in GRANTED if pattern.covers(each.pattern, name)]
    assert Granted(GRANTED).on(name) == wanted
    assert wanted


@pytest.mark.parametrize("where", [*PATTERNS, *NAMES])
def test_over(where: str) -> None:
    wanted = [each for each in GRANTED if pattern.contains(each.pattern, where)]
    assert Granted(GRANTED).over(where) == wanted


def test_nothing() -> None:
    assert Granted([]).on("team/app") == Granted([]).over("*") == []
