"""The audit as a file to take away: JSON lines, or CSV as spreadsheets read it.

A spreadsheet runs a cell that begins with =, +, - or @ as a formula, and anybody may put one into
a client's name; such a cell begins with an apostrophe here.
"""

import csv
import io
import json
from collections.abc import Sequence

from entrepot.db.audit import COLUMNS
from entrepot.db.entries import Entry

NAMES = (*COLUMNS.split(", "), "hash")
_RUN = ("=", "+", "-", "@", "\t", "\r")

HEADINGS = (",".join(NAMES) + "\r\n").encode()
"""The first line of CSV (RFC 4180)."""


def as_lines(entries: Sequence[Entry]) -> bytes:
    """A line of JSON each."""
    return "".join(f"{json.dumps(entry.document())}\n" for entry in entries).encode()


def as_csv(entries: Sequence[Entry]) -> bytes:
    """A row of CSV each."""
    out = io.StringIO()
    writer = csv.writer(out)
    for entry in entries:
        document = entry.document()
        writer.writerow([_cell(document[name]) for name in NAMES])
    return out.getvalue().encode()


def _cell(value: object) -> str:
    text = json.dumps(value) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(_RUN) else text
