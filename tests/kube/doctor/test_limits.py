"""What registries say of how much they let one pull."""

import pytest

from entrepot.kube.doctor.limits import Count, is_quota, told


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, ""),
        ({"retry-after": "7"}, "; it says to wait 7 s"),
        (
            {"retry-after": "Fri, 27 Nov 2026 04:00:00 GMT"},
            "; it says to wait until Fri, 27 Nov 2026 04:00:00 GMT",
        ),
        (
            {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600"},
            "; 0 of 100 pulls in 6 h are left",
        ),
        (
            {"retry-after": "60", "ratelimit-limit": "5;w=90", "ratelimit-remaining": "0"},
            "; it says to wait 60 s; 0 of 5 pulls in 90 s are left",
        ),
        ({"ratelimit-limit": "100", "ratelimit-remaining": "9"}, "; 9 of 100 pulls are left"),
        ({"ratelimit-limit": "many", "ratelimit-remaining": "0"}, ""),
        ({"ratelimit-limit": "100;w=21600"}, ""),
    ],
)
def test_what_headers_say(headers: dict[str, str], words: str) -> None:
    assert told(headers) == words


@pytest.mark.parametrize(("left", "low"), [(11, False), (10, True), (0, True)])
def test_when_few_are_left(left: int, low: bool) -> None:
    assert Count(100, left, 21600).is_low is low


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("denied: quota exceeded for project team", True),
        ("adding 1.0 MiB of storage resource will exceed the configured upper limit", True),
        ("Your account has exceeded its bandwidth limit", True),
        ("You have reached your pull rate limit", True),
        ("402 Payment Required", True),
        ("requested access to the resource is denied", False),
        ("user limited may not pull", False),
    ],
)
def test_whether_a_denial_is_for_a_quota(words: str, wanted: bool) -> None:
    assert is_quota(words) is wanted
