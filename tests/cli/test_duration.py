"""Durations, as they are written and shown."""

import pytest

from entrepot.cli.duration import parse_duration, show_duration


@pytest.mark.parametrize("text", ["0s", "1s", "90s", "15m", "36h", "1d", "10d", "2w"])
def test_what_is_shown_is_what_was_said(text: str) -> None:
    assert show_duration(parse_duration(text, "--for")) == text


@pytest.mark.parametrize(("seconds", "text"), [(86400.0, "1d"), (60, "1m"), (1.5, "1.5s")])
def test_the_largest_unit_that_divides(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text
