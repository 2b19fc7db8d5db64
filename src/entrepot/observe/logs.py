"""The error log: the standard library's logging, as JSON lines or for a terminal.

It never breaks what it tells of: where it cannot be written, it says so once it can.
"""

import json
import logging
import sqlite3
import sys
import time
from typing import Any, TextIO

from entrepot.observe.access import printable
from entrepot.redaction import redacted


class JsonFormatter(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's time, level, origin, message, request id and traceback."""
        fields: dict[str, object] = {
            "time": round(record.created, 3),
            "kind": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        if request := getattr(record, "request", None):
            fields["request"] = request
        if record.exc_info:
            fields["traceback"] = redacted(self.formatException(record.exc_info))
        return json.dumps(fields, separators=(",", ":"))


class TextFormatter(logging.Formatter):
    """A line for people, with the request's id behind it; a traceback follows on its own lines."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line, control characters escaped: some of it may be a client's words."""
        record.message = printable(redacted(record.message))
        request = getattr(record, "request", None)
        return super().formatMessage(record) + (f" ({request})" if request else "")

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The traceback; an exception may tell what it did not like."""
        return redacted(super().formatException(ei))


def surprise(error: Exception, *expected: type[Exception]) -> Exception | None:
    """What to log as `exc_info`: nothing where the message says all, since a database, a store or
    a disk is away or full, or it is one of the expected.
    """
    return None if isinstance(error, (sqlite3.Error, OSError, *expected)) else error


class ErrorLog(logging.StreamHandler[TextIO]):
    """The log on a stream, which may lie on a disk that is full.

    Raising, or the traceback that logging writes instead, would help nobody there.
    """

    unwritten = 0
    """Records that found no room since the last that did."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, and before it how many could not be."""
        if self.unwritten:
            count, self.unwritten = self.unwritten, 0
            text = "this log could not be written %d times; lines of it may be lost"
            super().emit(
                logging.LogRecord(record.name, logging.WARNING, "", 0, text, (count,), None)
            )
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Count it where the stream is at fault; a record that is wrong in itself is a bug."""
        if isinstance(sys.exception(), OSError):
            self.unwritten += 1
        else:
            super().handleError(record)


def configure(*, as_json: bool, level: str) -> None:
    """Send this process's log records to standard error."""
    handler = ErrorLog(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # What it tells of starting and stopping, `app` tells in fewer lines.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # They tell each address that is gone to, all headers, and Amazon's answers: a webhook's address
    # may be a secret, and a login is one.
    for name in ("httpx2", "httpcore2", "boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("google").setLevel(logging.ERROR)  # it warns of each attempt
