"""How much all rules may begin at a time, by a clock that stands."""

import pytest

from entrepot.upkeep.replication.crowd import COMPARE, MOST, YOUNG, Crowd


def full(at: float = 0.0) -> Crowd:
    found = Crowd()
    for number in range(MOST):
        found.begin(number, at)
    return found


def test_what_is_young_takes_room() -> None:
    found = Crowd()
    assert found.room(0) == MOST
    found.begin("compare", 0, COMPARE)
    found.begin("copy", 0)
    assert found.room(0) == MOST - COMPARE - 1
    found.end("compare")
    assert found.room(0) == MOST - 1


def test_what_ends_makes_room_at_once() -> None:
    found = full()
    assert found.room(0) == 0
    found.end(7)
    assert found.room(0) == 1
    found.end(7)
    assert found.room(0) == 1


@pytest.mark.parametrize(
    ("now", "room"), [(0.0, 0), (YOUNG / 2, 0), (YOUNG, MOST), (10 * YOUNG, MOST)]
)
def test_what_lasts_counts_no_more(now: float, room: int) -> None:
    found = full()
    assert found.room(now) == room
    found.end(7)
    assert found.room(now) == max(room, 1)


def test_when_there_is_room_again() -> None:
    found = full(1.0)
    assert found.wait(1.5) == YOUNG - 0.5
    assert found.wait(1.0 + YOUNG) == 0
    assert Crowd().wait(0) == 0
