"""When an upstream is asked, and when it is left alone."""

import pytest

from entrepot.upstream.cache.breaker import FIRST, LIMIT, LONGEST, MOST_TOLD, Breaker


def failing(times: int) -> Breaker:
    found = Breaker()
    for _ in range(times):
        found.rests(0)
        found.failed(0, "broken")
    return found


@pytest.mark.parametrize(("failures", "rests"), [(0, 0), (1, 0), (LIMIT - 1, 0), (LIMIT, FIRST)])
def test_some_failures_in_a_row_are_enough(failures: int, rests: float) -> None:
    assert failing(failures).rests(0) == rests


def test_a_success_makes_good() -> None:
    found = failing(LIMIT - 1)
    found.succeeded()
    found.failed(0, "broken")
    assert found.rests(0) == 0


def test_then_one_tries() -> None:
    found = failing(LIMIT)
    assert found.rests(FIRST) == 0
    assert found.rests(FIRST) > 0
    found.succeeded()
    assert found.rests(FIRST) == 0


def test_each_pause_is_longer_up_to_a_bound() -> None:
    found, now, pauses = failing(LIMIT), FIRST, []
    for _ in range(10):
        assert found.rests(now) == 0
        found.failed(now, "still broken")
        pauses.append(found.rests(now))
        now += pauses[-1]
    assert pauses[:3] == [2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert pauses[-1] == LONGEST
    assert found.why == "still broken"


def test_it_is_left_alone_for_as_long_as_it_says() -> None:
    found = Breaker()
    found.told(5, 30, "pull rate limit")
    assert found.rests(10) == 25
    assert found.rests(35) == 0
    assert found.why == "pull rate limit"


def test_who_is_in_line_while_it_breaks_is_sent_away() -> None:
    breaker = Breaker()
    for _ in range(LIMIT - 1):
        breaker.failed(2, "down")
    assert breaker.broke(1, 3) == 0
    breaker.failed(2, "down")
    assert breaker.broke(1, 3) >= FIRST
    assert breaker.broke(2.5, 3) == 0  # the attempt after the pause
    breaker.told(4, 10**9, "come back in thirty years")
    assert breaker.rests(4) == MOST_TOLD


def broken(*repositories: str) -> Breaker:
    found = Breaker()
    for each in repositories:
        found.failed(0, "broken", 500, each)
    return found


def test_where_one_repository_fails_others_are_asked() -> None:
    found = broken(*["bad"] * LIMIT)
    assert found.rests(0, "bad") == FIRST
    assert found.rests(0, "good") == 0
    assert found.rests(0, "good") > 0, "once, until something comes of it"
    found.succeeded()
    assert found.rests(0, "bad") == 0


def test_where_some_fail_it_is_all() -> None:
    found = broken("bad", "bad", *map(str, range(LIMIT - 2)))
    assert found.rests(0, "other") == 0
    assert found.rests(0, "one more") > 0
    assert broken(*map(str, range(LIMIT))).rests(0, "other") > 0


def test_who_wants_to_be_left_alone_is_so_for_all() -> None:
    found = broken(*["bad"] * LIMIT)
    found.told(0, 30, "pull rate limit")
    assert found.rests(20, "good") == 10
