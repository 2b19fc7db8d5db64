"""Durations as people write them: 30s, 15m, 12h, 30d, 2w."""

import re

from entrepot.cli.options import fail

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}
_duration = re.compile(r"(\d{1,9})([smhdw])").fullmatch


def is_duration(text: str) -> bool:
    """Whether it is written as one."""
    return _duration(text) is not None


def parse_duration(text: str, option: str) -> int:
    """Seconds; a word of how to write it where it is none."""
    match = _duration(text)
    if match is None:
        fail(f"{option} is {text!r}: write 30s, 15m, 12h, 30d or 2w")
    return int(match[1]) * _UNITS[match[2]]
