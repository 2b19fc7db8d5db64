"""Sizes as people write and read them: 500MB, 10GiB."""

import re

from entrepot.cli.options import fail

_UNITS = ("", "K", "M", "G", "T", "P")
_size = re.compile(r"(\d{1,12})(?:\.(\d{1,3}))?([KMGTP]?)(i?)(B?)", re.IGNORECASE).fullmatch


def parse_size(text: str, option: str) -> int:
    """Bytes; KiB is 1024 of them, KB and K are 1000. A word of how to write it where it is none."""
    match = _size(text)
    if match is None or (match[4] and not match[3]):
        fail(f"{option} is {text!r}: write 500MB, 10GiB, or just bytes")
    step = 1024 if match[4] else 1000
    number = float(f"{match[1]}.{match[2] or 0}")
    for _ in range(_UNITS.index(match[3].upper())):
        number *= step
    return round(number)


def show_size(size: int | None) -> str | None:
    """Such as 1.5 GiB."""
    if size is None:
        return None
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
