"""Windows by the clock on the wall: days, nights, and the days on which the clock changes."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from entrepot.versions.windows import open_at, parse

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, *, second: bool = False) -> float:
    """A moment of Berlin's clock; the `second` one where the clock shows it twice."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=int(second)).timestamp()


OFFICE = "mon-fri 09:00-16:00 Europe/Berlin"
NIGHT = "fri 22:00-02:00 Europe/Berlin"
OPEN = {
    "in the morning": (OFFICE, "2026-11-26T09:00", True),
    "a minute before": (OFFICE, "2026-11-26T08:59", False),
    "at its end": (OFFICE, "2026-11-26T16:00", False),
    "on Saturday": (OFFICE, "2026-11-28T12:00", False),
    "in summer, by the same clock": (OFFICE, "2026-07-01T09:00", True),
    "in summer, a minute before": (OFFICE, "2026-07-01T08:59", False),
    "by night": (NIGHT, "2026-11-27T23:00", True),
    "behind midnight": (NIGHT, "2026-11-28T01:59", True),
    "the night before": (NIGHT, "2026-11-27T01:00", False),
    "over the end of the week": ("sat-mon 00:00-24:00 Europe/Berlin", "2026-11-30T23:59", True),
    "and not behind it": ("sat-mon 00:00-24:00 Europe/Berlin", "2026-12-01T00:00", False),
    "daily": ("daily 12:00-13:00 Europe/Berlin", "2026-11-29T12:30", True),
    "single days": ("mon,wed 12:00-13:00 Europe/Berlin", "2026-11-25T12:30", True),
    "not the day between": ("mon,wed 12:00-13:00 Europe/Berlin", "2026-11-24T12:30", False),
    "UTC by itself": ("thu 11:00-12:00", "2026-11-26T12:30", True),
}


@pytest.mark.parametrize(("text", "moment", "is_open"), OPEN.values(), ids=OPEN)
def test_when_it_is_open(text: str, moment: str, is_open: bool) -> None:
    assert parse(text).contains(at(moment)) == is_open


def test_the_hour_that_comes_twice_is_open_twice() -> None:
    window = parse("sun 02:00-03:00 Europe/Berlin")
    first, second = at("2026-10-25T02:30"), at("2026-10-25T02:30", second=True)
    assert second - first == 3600
    assert window.contains(first)
    assert window.contains(second)


def test_the_hour_that_is_skipped_is_never_open() -> None:
    window = parse("sun 02:00-03:00 Europe/Berlin")
    before = at("2026-03-29T01:59")
    assert not any(window.contains(before + 60 * minute) for minute in range(180))


OPENS = {
    "the same day": (OFFICE, "2026-11-26T08:00", "2026-11-26T09:00"),
    "the next day": (OFFICE, "2026-11-26T17:00", "2026-11-27T09:00"),
    "behind the weekend": (OFFICE, "2026-11-27T17:00", "2026-11-30T09:00"),
    "in a week": ("thu 09:00-10:00 Europe/Berlin", "2026-11-26T09:00", "2026-12-03T09:00"),
    "over the change of the clock": (OFFICE, "2026-10-23T17:00", "2026-10-26T09:00"),
}


@pytest.mark.parametrize(("text", "moment", "opens"), OPENS.values(), ids=OPENS)
def test_when_it_opens_next(text: str, moment: str, opens: str) -> None:
    assert parse(text).opens(at(moment)) == at(opens)


WRONG = {
    "": "is no window",
    "mon-fri": "is no window",
    "mon-xyz 09:00-16:00": "are no days",
    "mon-wed-fri 09:00-16:00": "are no days",
    "mon 09:00-25:00": "is no time of the day",
    "mon 9-16": "is no window",
    "mon 09:00-16:00 Europe/Atlantis": "no time zone",
    "mon 09:00-16:00 ../../etc/passwd": "is no window",
    "mon 09:00-16:00 Europe": "no time zone",
    "mon 09:00-16:00 /etc/passwd": "no time zone",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(ValueError, match=WRONG[text]):
        parse(text)


def test_without_windows_it_is_always_open() -> None:
    assert open_at((), 0)
    assert not open_at((parse(OFFICE),), at("2026-11-28T12:00"))
