"""Windows: at which times of the week versions are promoted, in a time zone's own clock. Pure.

Written `mon-fri 09:00-16:00 Europe/Berlin`. It is the clock on the wall that counts, so a change
to summer time moves a window with the people who work in it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_window = re.compile(
    r"(?P<days>daily|[a-z]{3}(?:[-,][a-z]{3})*)"
    r" (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)(?: (?P<zone>[A-Za-z0-9_+/-]{1,64}))?"
).fullmatch


@dataclass(frozen=True, slots=True)
class Window:
    """Some days of the week, and the hours in which it is open."""

    text: str
    days: frozenset[int]
    """0 for Monday; the day on which it opens."""
    start: time
    end: time
    """Where it is not behind the start, of the next day."""
    zone: ZoneInfo

    def __str__(self) -> str:
        return self.text

    def contains(self, at: float) -> bool:
        """Whether it is open at a moment, in seconds since 1970."""
        local = datetime.fromtimestamp(at, self.zone)
        today, clock = local.weekday(), local.time()
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        yesterday = (today - 1) % 7
        return (today in self.days and clock >= self.start) or (
            yesterday in self.days and clock < self.end
        )

    def opens(self, at: float) -> float:
        """When it opens next, behind a moment."""
        today = datetime.fromtimestamp(at, self.zone).date()
        found = (self._start(today + timedelta(days)) for days in range(9))
        return next(each for each in found if each is not None and each > at)

    def _start(self, day: date) -> float | None:
        """Where the clock jumps over the start, it opens when it has."""
        if day.weekday() not in self.days:
            return None
        return datetime.combine(day, self.start, self.zone).timestamp()


def parse(text: str) -> Window:
    """Read a window. Raises ValueError, which says how one is written."""
    match = _window(text)
    if match is None:
        raise ValueError(f"{text[:80]!r} is no window: write 'mon-fri 09:00-16:00 Europe/Berlin'")
    days = _days(match["days"])
    start, end = _clock(match["start"]), _clock(match["end"])
    return Window(text, days, start, end, _zone(match["zone"] or "UTC"))


def _days(text: str) -> frozenset[int]:
    if text == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.split(","):
        names = part.split("-")
        if len(names) > 2 or not set(names) <= set(DAYS):
            raise ValueError(f"{part!r} are no days: write mon-fri, mon,wed or daily")
        first, last = DAYS.index(names[0]), DAYS.index(names[-1])
        found |= {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    return frozenset(found)


def _clock(text: str) -> time:
    """24:00 is the end of a day."""
    try:
        return time.fromisoformat("00:00" if text == "24:00" else text)
    except ValueError:
        raise ValueError(f"{text!r} is no time of the day: write 09:00") from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # of a folder's name, of what is no name, of none
        raise ValueError(f"no time zone {name!r} is known here: write Europe/Berlin") from None


def open_at(windows: Sequence[Window], at: float) -> bool:
    """Whether one of them is open; where there are none, it always is."""
    return not windows or any(window.contains(at) for window in windows)
