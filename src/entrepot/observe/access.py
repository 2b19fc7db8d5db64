"""The access log: one line per request, as JSON or for a terminal, written in batches.

A line is written at most `FLUSH_SECONDS` after its request, or once `FLUSH_LINES` have gathered. A
process that is killed loses those.
"""

import contextlib
import json
import sys
from datetime import UTC, datetime
from typing import Protocol, TextIO

FLUSH_SECONDS = 0.5
FLUSH_LINES = 1000

_quote = json.encoder.encode_basestring_ascii


class Form(Protocol):
    """Makes a line. Its arguments are positional, because it is called for every request."""

    def __call__(  # noqa: D102, PLR0917 - see above
        self,
        time: float,
        request: str,
        client: str,
        method: str,
        target: str,
        status: int,
        seconds: float,
        sent: int,
        agent: str,
        /,
    ) -> str: ...


def as_json(  # noqa: PLR0917 - a Form
    time: float,
    request: str,
    client: str,
    method: str,
    target: str,
    status: int,
    seconds: float,
    sent: int,
    agent: str,
) -> str:
    """One JSON object, whatever a client put into it."""
    return (
        f'{{"time":{time:.3f},"kind":"access","request":"{request}","client":{_quote(client)},'
        f'"method":{_quote(method)},"target":{_quote(target)},"status":{status},'
        f'"seconds":{seconds:.6f},"sent":{sent},"agent":{_quote(agent)}}}\n'
    )


def as_text(  # noqa: PLR0917 - a Form
    time: float,
    request: str,
    client: str,
    method: str,
    target: str,
    status: int,
    seconds: float,
    sent: int,
    agent: str,  # noqa: ARG001 - rarely worth the width of a terminal
) -> str:
    """A line for people; control characters stay visible as escapes."""
    clock = datetime.fromtimestamp(time, UTC).strftime("%H:%M:%S")
    return (
        f"{clock} {status} {method:<5} {printable(target)} "
        f"{seconds * 1000:.1f} ms {sent} B {client} {request}\n"
    )


def printable(text: str) -> str:
    """The text on one line: control characters become visible escapes."""
    return text if text.isprintable() else _quote(text)[1:-1]


class AccessLog:
    """Gathers lines and writes them."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._lines: list[str] = []

    def add(self, line: str) -> None:
        """Log a request."""
        self._lines.append(line)
        if len(self._lines) >= FLUSH_LINES:
            with contextlib.suppress(OSError):  # the flush that comes by the clock tells of it
                self.flush()

    def flush(self) -> None:
        """Write what has gathered."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._stream.write("".join(lines))
            self._stream.flush()
