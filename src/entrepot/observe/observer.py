"""`Observer`: tells metrics and access log of every request that was answered."""

import itertools
import os
import secrets
import time

from entrepot.observe.access import AccessLog, Form
from entrepot.observe.metrics import Metrics
from entrepot.redaction import redacted

_LONGEST = 2048
"""Bytes of a refused target that are logged: it may have been refused for its length."""


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
            now, target, agent = time.time(), redacted(target), redacted(agent)
            self.log.add(
                self._form(now, request, client, method, target, status, seconds, sent, agent)
            )

    def refused(
        self, status: int, method: str, target: bytes, client: tuple[str, int] | None, sent: int
    ) -> str:
        """Count and log what the server answered by itself; returns the id it is given.

        It took no time that anybody measured. Method and target may be unknown, and are then empty.
        """
        request = self.request_id()
        text = target[:_LONGEST].decode("latin-1")
        host = client[0] if client else "-"
        self.answered("refused", 0.0, request, host, method or "-", text, status, sent, "")
        return request

    def flush(self) -> None:
        """Write what has gathered, and let other workers see what was counted."""
        try:
            self.log.flush()
        finally:
            self.metrics.leave()
