"""Dates in tags: 2026-11-26, 20261126 or 2026.11.26, then perhaps a time or a count. Pure."""

import re
from datetime import date

_SHAPES = (
    r"(\d{4})-(\d{2})-(\d{2})",
    r"(\d{4})\.(\d{1,2})\.(\d{1,2})",
    r"(\d{4})_(\d{2})_(\d{2})",
    r"(\d{4})(\d{2})(\d{2})",
)
_REST = r"(?:[-._T]?(\d{2})[-._]?(\d{2})(?:[-._]?(\d{2}))?Z?|[-._](\d{1,9}))?"
_matches = [re.compile(rf"v?{shape}{_REST}", re.ASCII).fullmatch for shape in _SHAPES]

YEARS = range(1970, 2200)
"""Eight digits that say another year are a number."""

Day = tuple[int, int, int]


def parse(text: str) -> tuple[Day, tuple[int, int], str] | None:
    """The day, its time (as HHMMSS) and count for the order, and both as they are written.

    None for what is no date, as 2026-02-30.
    """
    for matches in _matches:
        if (found := matches(text)) and (day := _day(*map(int, found.groups()[:3]))):
            return day, *_rest(*found.groups()[3:])
    return None


def _day(year: int, month: int, day: int) -> Day | None:
    try:
        date(year, month, day)
    except ValueError:
        return None
    return (year, month, day) if year in YEARS else None


def _rest(
    hour: str | None, minute: str | None, second: str | None, count: str | None
) -> tuple[tuple[int, int], str]:
    if count is not None:
        return (0, int(count)), count
    if hour is None or minute is None:
        return (0, 0), ""
    text = hour + minute + (second or "")
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60:
        return (0, int(text)), text
    return (int(text.ljust(6, "0")), 0), text
