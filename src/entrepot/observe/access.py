"""The access log: one line per request, as JSON or for a terminal, written in batches.

A line costs the request a tuple; it is formatted and written at most `FLUSH_SECONDS` later, or
once `FLUSH_LINES` have gathered. A process that is killed loses those.
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, TextIO

FLUSH_SECONDS = 0.5
FLUSH_LINES = 1000


class Line(NamedTuple):
    """What is logged of a request."""

    time: float
    request: str
    client: str
    method: str
    target: str
    status: int
    seconds: float
    """From the request's head to the answer's last byte."""
    sent: int
    """Bytes of the answer's body."""
    agent: str


_quote = json.encoder.encode_basestring_ascii


def as_json(line: Line) -> str:
    """One JSON object, whatever a client put into it."""
    return (
        f'{{"time":{line.time:.3f},"kind":"access","request":"{line.request}",'
        f'"client":{_quote(line.client)},"method":{_quote(line.method)},'
        f'"target":{_quote(line.target)},"status":{line.status},"seconds":{line.seconds:.6f},'
        f'"sent":{line.sent},"agent":{_quote(line.agent)}}}\n'
    )


def as_text(line: Line) -> str:
    """A line for people; control characters stay visible as escapes."""
    clock = datetime.fromtimestamp(line.time, UTC).strftime("%H:%M:%S")
    return (
        f"{clock} {line.status} {line.method:<5} {_printable(line.target)} "
        f"{line.seconds * 1000:.1f} ms {line.sent} B {line.client} {line.request}\n"
    )


def _printable(text: str) -> str:
    return text if text.isprintable() else _quote(text)[1:-1]


class AccessLog:
    """Gathers lines and writes them."""

    def __init__(self, form: Callable[[Line], str] | None, stream: TextIO = sys.stderr) -> None:
        self._form = form
        self._stream = stream
        self._lines: list[Line] = []

    def add(self, line: Line) -> None:
        """Log a request."""
        if self._form is None:
            return
        self._lines.append(line)
        if len(self._lines) >= FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered."""
        if self._lines and self._form is not None:
            lines, self._lines = self._lines, []
            self._stream.write("".join(map(self._form, lines)))
            self._stream.flush()
