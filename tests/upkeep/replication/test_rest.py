"""For how long a registry that fails is left alone."""

import pytest

from entrepot.upkeep.replication.rest import LONGEST, Rest
from entrepot.upstream.place import BrokenError, UpstreamError

BROKEN = BrokenError("it says 500")


def rests(images: list[tuple[str, str] | None]) -> float:
    """For how long after these have failed, one after the other."""
    found, now = Rest(), 0.0
    for each in images:
        now = found.until
        found.failed(each, BROKEN, now)
    return found.until - now


def test_an_image_that_is_broken_holds_up_the_others_for_a_moment() -> None:
    assert rests([("team/app", "1")] * 12) <= 2
    assert rests([("team/app", f"{number}") for number in range(12)]) > 600
    assert rests([None] * 12) > 600


def test_what_is_told_comes_once_and_again_after_a_success() -> None:
    found = Rest()
    assert found.failed(("a", "1"), BROKEN, 0)
    assert not found.failed(("a", "2"), BROKEN, found.until)
    assert found.went_on()
    assert not found.went_on()
    assert found.failed(("a", "1"), BROKEN, found.until)


@pytest.mark.parametrize(
    ("error", "least", "most"),
    [
        (BROKEN, 1.5, 2),
        (UpstreamError("it lies"), 1.5, 2),
        (BrokenError("busy", 30), 30, 30),
        (BrokenError("come back in thirty years", 10**9), LONGEST, LONGEST),
    ],
    ids=["broken", "lies", "busy", "years"],
)
def test_how_long_it_may_want_to_be_left_alone(error: Exception, least: float, most: float) -> None:
    found = Rest()
    found.failed(None, error, 100)
    assert least <= found.until - 100 <= most
    found.end()
    assert found.until == 0
