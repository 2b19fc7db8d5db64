"""Whose turn it is, and when it comes again."""

from collections import Counter

import pytest

from entrepot.upkeep.webhooks.pace import LATEST, Pace
from entrepot.upkeep.webhooks.turns import MOST, MOST_EACH, MOST_FAILING, room

A, B, C = "abc"
MANY = [f"{number:03}" for number in range(100)]

CASES: dict[str, tuple[list[str], dict[str, int], set[str], dict[str, int]]] = {
    "nobody": ([], {}, set(), {}),
    "one": ([A], {}, set(), {A: MOST_EACH}),
    "one that is busy": ([A], {A: MOST_EACH - 1}, set(), {A: 1}),
    "one that is full": ([A], {A: MOST_EACH}, set(), {}),
    "one that fails": ([A], {}, {A}, {A: 1}),
    "one that fails, and is tried": ([A], {A: 1}, {A}, {}),
    "one that began to fail with many under way": ([A, B], {A: 5}, {A}, {B: MOST_EACH}),
    "who works comes first": ([A, B, C], {A: 1}, {A, B}, {C: MOST_EACH, B: 1}),
    "enough are under way": ([A, B], {"gone": MOST - 3}, set(), {A: 3}),
    "all fail": (MANY, {}, set(MANY), dict.fromkeys(MANY[:MOST_FAILING], 1)),
}


@pytest.mark.parametrize(("webhooks", "busy", "failing", "wanted"), CASES.values(), ids=CASES)
def test_room(
    webhooks: list[str], busy: dict[str, int], failing: set[str], wanted: dict[str, int]
) -> None:
    found = room(webhooks, Counter(busy), failing)
    assert list(found.items()) == list(wanted.items())


def test_however_many_fail_there_is_room_for_one_that_works() -> None:
    busy = Counter(dict.fromkeys(MANY[:MOST_FAILING], 1))
    assert room([*MANY, "works"], busy, set(MANY)) == {"works": MOST_EACH}


@pytest.mark.parametrize(
    ("attempts", "least", "most"),
    [
        (1, 2.5, 5),
        (2, 5, 10),
        (3, 10, 20),
        (10, 1280, 2560),
        (11, LATEST / 2, LATEST),
        (10**6, LATEST / 2, LATEST),
    ],
)
def test_later_and_later(attempts: int, least: float, most: float) -> None:
    waits = [Pace().again_at(attempts, 1000.0) - 1000 for _ in range(200)]
    assert least <= min(waits) < max(waits) <= most
