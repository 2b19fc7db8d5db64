"""Durations as people write them: 30s, 15m, 12h, 30d, 2w."""

import re

from entrepot.cli.options import fail

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}
_duration = re.compile(r"(\d{1,9})([smhdw])").fullmatch


def is_duration(text: str) -> bool:
    """Whether it is written as one."""
    return _duration(text) is not None


def show_duration(seconds: float) -> str:
    """In the largest unit of which it is a whole number."""
    found = [each for each in _UNITS.items() if seconds >= each[1] and seconds % each[1] == 0]
    unit, size = found[-1] if found else ("s", 1)
    return f"{seconds / size:g}{unit}"


def parse_duration(text: str, option: str) -> int:
    """Seconds; a word of how to write it where it is none."""
    match = _duration(text)
    if match is None:
        fail(f"{option} is {text!r}: write 30s, 15m, 12h, 30d or 2w")
    return int(match[1]) * _UNITS[match[2]]
