"""What upstreams say of how much may still be pulled."""

import pytest

from entrepot.upstream.cache.budget import LATER, LONGEST, Budget


@pytest.mark.parametrize(
    ("headers", "left", "rests"),
    [
        ({}, None, 0),
        ({"ratelimit-remaining": "76;w=21600"}, 76, 0),
        ({"ratelimit-remaining": "0;w=21600"}, 0, LATER),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "30"}, 0, 30),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "99999999"}, 0, LONGEST),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "soon"}, 0, LATER),
        ({"ratelimit-remaining": "many"}, None, 0),
        ({"ratelimit-remaining": "-1"}, None, 0),
    ],
    ids=str,
)
def test_what_is_said(headers: dict[str, str], left: int | None, rests: float) -> None:
    found = Budget()
    found.hear(headers, 5)
    assert found.left == left
    assert found.rests(5) == rests


def test_there_are_more_again() -> None:
    found = Budget()
    found.hear({"ratelimit-remaining": "0"}, 0)
    found.hear({}, 1)
    assert found.rests(1) == LATER - 1
    found.hear({"ratelimit-remaining": "100"}, 1)
    assert found.rests(1) == 0
