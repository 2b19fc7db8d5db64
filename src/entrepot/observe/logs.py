"""The error log: the standard library's logging, as JSON lines or for a terminal."""

import json
import logging
import sys
import time
from typing import Any

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


def configure(*, as_json: bool, level: str) -> None:
    """Send this process's log records to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # What it tells of starting and stopping, `app` tells in fewer lines.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
