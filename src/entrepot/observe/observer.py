"""`Observer`: tells metrics and access log of every request that was answered."""

import itertools
import os
import secrets
import time

from entrepot.observe.access import AccessLog, Form
from entrepot.observe.metrics import Metrics


class Observer:
    """One per process."""

    def __init__(self, metrics: Metrics, log: AccessLog, form: Form | None) -> None:
        self.metrics = metrics
        self.log = log
        self._form = form
        self._next = itertools.count(1).__next__
        self._prefix = f"{secrets.token_hex(4)}-{os.getpid():x}"

    def request_id(self) -> str:
        """A new id: unique, and readable aloud."""
        return f"{self._prefix}-{self._next():x}"

    def answered(  # noqa: PLR0917 - positional, because it is called for every request
        self,
        route: str,
        seconds: float,
        request: str,
        client: str,
        method: str,
        target: str,
        status: int,
        sent: int,
        agent: str,
    ) -> None:
        """Count and log a request that took so many seconds."""
        self.metrics.count((method, route, status), seconds, sent)
        if self._form is not None:
            now = time.time()
            self.log.add(
                self._form(now, request, client, method, target, status, seconds, sent, agent)
            )

    def flush(self) -> None:
        """Write what has gathered, and let other workers see what was counted."""
        self.log.flush()
        self.metrics.leave()
