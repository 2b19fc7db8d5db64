"""Whose turn it is, and when it comes again."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from entrepot.db import deliveries, engine, webhook_lines, webhooks
from entrepot.db.connection import Connection
from entrepot.db.webhook_lines import Line
from entrepot.db.webhooks import Webhook
from entrepot.upkeep.webhooks.pace import LATEST, Pace
from entrepot.upkeep.webhooks.turns import MOST, MOST_EACH, MOST_FAILING, Turns

A, B, C = "abc"
MANY = [f"{number:03}" for number in range(100)]

Lines = dict[str, int]
"""How many there are, by webhook."""


def under_way(busy: Lines) -> list[tuple[str, str]]:
    return [(webhook, f"busy/{n}") for webhook, count in busy.items() for n in range(count)]


def lines(free: Lines, next_at: float = 10.0) -> list[list[Line]]:
    return [[Line(each, f"free/{n}", next_at + n) for n in range(free[each])] for each in free]


CHOSEN: dict[str, tuple[Lines, Lines, set[str], Lines]] = {
    "nobody": ({}, {}, set(), {}),
    "one": ({A: 3}, {}, set(), {A: 3}),
    "those that work come first": ({A: 1, B: 8, C: 8}, {}, {A}, {B: 8, C: 8, A: 1}),
    "enough are under way": ({A: 8, B: 8}, {"gone": MOST - 4}, set(), {A: 2, B: 2}),
    "all places are taken": ({A: 8}, {"gone": MOST}, set(), {}),
    "who has fewer under way": ({A: 4, B: 8}, {"gone": MOST - 8, A: 4}, set(), {B: 4}),
    "all fail": (dict.fromkeys(MANY, 1), {}, set(MANY), dict.fromkeys(MANY[:MOST_FAILING], 1)),
    "one that works among many that fail": (
        {**dict.fromkeys(MANY, 1), "works": 8},
        dict.fromkeys(MANY[:MOST_FAILING], 1),
        set(MANY),
        {"works": 8},
    ),
    "many that work leave none to what fails": (
        {**dict.fromkeys(MANY, 1), "fails": 1},
        {},
        {"fails"},
        dict.fromkeys(MANY[:MOST], 1),
    ),
}


@pytest.mark.parametrize(("free", "busy", "failing", "wanted"), CHOSEN.values(), ids=CHOSEN)
def test_chosen(free: Lines, busy: Lines, failing: set[str], wanted: Lines) -> None:
    found = Turns(under_way(busy), failing).choose(lines(free))
    assert Counter(each.webhook for each in found) == wanted


def test_who_has_waited_longest_comes_first() -> None:
    found = Turns([], ()).choose([[Line(each, "x", 100.0 - int(each))] for each in MANY])
    assert [each.webhook for each in found] == MANY[: -MOST - 1 : -1]


def test_everybody_has_a_turn() -> None:
    """However many want to be told, and however much one of them."""
    rest = dict.fromkeys(MANY, 3) | {"much": 1000}
    turns = 0
    ready = dict.fromkeys(rest, 0.0)
    while any(rest[each] for each in MANY):
        free = [
            [Line(each, f"{n}", ready[each]) for n in range(min(MOST_EACH, left))]
            for each, left in rest.items()
        ]
        for line in Turns([], ()).choose(free):
            rest[line.webhook] -= 1
            ready[line.webhook] = turns
        turns += 1
    assert turns <= 6  # 300, and a share for the one
    assert rest["much"] < 1000


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Connection]:
    """A webhook for which ten repositories wait, and another."""
    engine.prepare(tmp_path)
    with closing(engine.connect(tmp_path)) as db:
        for number in (A, B):
            webhooks.add(db, Webhook(number, "https://x.test", "secret", "*", frozenset(), "slack"))
            deliveries.enlist(db, 9, {number: [(n, f"free/{n}") for n in range(10)]}, 10.0)
        yield db


FREE: dict[str, tuple[Lines, set[str], int]] = {
    "none is under way": ({}, set(), MOST_EACH),
    "some are": ({A: 5}, set(), MOST_EACH - 5),
    "as many as may be": ({A: MOST_EACH}, set(), 0),
    "it fails": ({}, {A}, 1),
    "it fails, and is tried": ({A: 1}, {A}, 0),
    "it began to fail with many under way": ({A: 5}, {A}, 0),
    "others are": ({B: 8}, {B}, MOST_EACH),
}


@pytest.mark.parametrize(("busy", "failing", "wanted"), FREE.values(), ids=FREE)
def test_free(full: Connection, busy: Lines, failing: set[str], wanted: int) -> None:
    found = Turns(under_way(busy), failing).free(full, A, 20.0)
    assert len({each.repository for each in found}) == len(found) == wanted
    assert {each.webhook for each in found} <= {A}


BEGUN: dict[str, tuple[Lines, set[str], float, Lines]] = {
    "nothing is due": ({}, set(), 9.0, {}),
    "both are": ({}, set(), 20.0, {A: MOST_EACH, B: MOST_EACH}),
    "one fails": ({}, {A}, 20.0, {A: 1, B: MOST_EACH}),
    "one has all that it may": ({A: MOST_EACH}, set(), 20.0, {B: MOST_EACH}),
    "some are under way": ({A: MOST_EACH, "gone": MOST - 10}, set(), 20.0, {B: 2}),
}


@pytest.mark.parametrize(("busy", "failing", "now", "wanted"), BEGUN.values(), ids=BEGUN)
def test_begun(full: Connection, busy: Lines, failing: set[str], now: float, wanted: Lines) -> None:
    found = Turns(under_way(busy), failing).begin(full, webhook_lines.webhooks(full), now)
    assert Counter(each.webhook for each in found) == wanted


def test_however_many_wait_few_are_looked_at(full: Connection) -> None:
    """Those who wait longest; the others have a turn when these have had theirs."""
    many = {f"{number:04}": 20.0 - number / 1000 for number in range(2000)}
    for number, at in many.items():
        hook = Webhook(number, "https://x.test", "secret", "*", frozenset(), "slack")
        webhooks.add(full, hook)
        deliveries.enlist(full, 1, {number: [(1, "team/app")]}, at)
    asked = list[str]()
    full.set_trace_callback(asked.append)  # type: ignore[attr-defined]
    found = Turns([], ()).begin(full, many, 20.0)
    assert [each.webhook for each in found] == list(many)[: -MOST - 1 : -1]
    assert len(asked) == MOST


def test_what_is_under_way_is_not_free(full: Connection) -> None:
    taken = [(A, f"free/{number}") for number in range(4)]
    found = Turns(taken, ()).free(full, A, 20.0)
    assert [each.repository for each in found] == [f"free/{number}" for number in range(4, 8)]


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
