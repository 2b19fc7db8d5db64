"""`Observer`: tells metrics and access log of every request that was answered."""

import itertools
import os
import secrets

from entrepot.observe import metrics
from entrepot.observe.access import AccessLog, Line


class Observer:
    """One per process."""

    def __init__(self, log: AccessLog) -> None:
        self.log = log
        self._ids = itertools.count(1)
        self._prefix = f"{secrets.token_hex(4)}-{os.getpid():x}"

    def request_id(self) -> str:
        """A new id: unique, and readable aloud."""
        return f"{self._prefix}-{next(self._ids):x}"

    def answered(self, route: str, line: Line) -> None:
        """Count and log one request."""
        metrics.count(line.method, route, line.status, line.seconds, line.sent)
        self.log.add(line)
