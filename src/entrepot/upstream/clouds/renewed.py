"""`Renewed`: a login that ends, renewed before that; the old one stays while renewing fails.

Whoever gives it out is never asked more often than each `LEAST` seconds while it answers, whatever
end it names, and each `REST` while it does not. Next: `ecr` and `google` give logins out.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from entrepot.upstream.access import Credential
from entrepot.upstream.place import UpstreamError

LEAST = 60.0
"""Seconds that pass before another one is asked for: ends that lie in the past change nothing."""
REST = 10.0
"""Seconds for which a refusal is remembered, where no login is left."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A login, and when it ends, in seconds since 1970."""

    credential: Credential
    ends: float


class Renewed:
    """The login of one account; any thread may ask."""

    def __init__(
        self,
        issue: Callable[[], Issued],
        margin: float,
        clock: Callable[[], float] = time.time,
        abort: Callable[[], None] = lambda: None,
    ) -> None:
        """`issue` gives a new one or raises `UpstreamError`, `margin` seconds before an end.

        `abort` cuts off whoever waits for it.
        """
        self.abort = abort
        self.trouble = ""
        """Why it could not be renewed; "" where it was."""
        self._issue, self._margin, self._clock = issue, margin, clock
        self._turn = threading.Lock()
        self._known = Credential()
        self._ends = self._next = 0.0
        self._error: UpstreamError | None = None

    def __call__(self) -> Credential:
        """A login that is good now. Raises `UpstreamError`."""
        now = self._clock()
        if now >= self._next and self._turn.acquire(blocking=now >= self._ends):
            try:
                if self._clock() >= self._next:
                    self._renew()
            finally:
                self._turn.release()
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._known

    def _renew(self) -> None:
        try:
            issued = self._issue()
        except UpstreamError as error:
            now = self._clock()
            lost = now >= self._ends
            self.trouble = str(error)
            self._error = error if lost else None
            self._next = now + (REST if lost else LEAST)
            return
        now = self._clock()
        self._known, self._ends, self._error = issued.credential, issued.ends, None
        self.trouble = ""
        self._next = now + wait(issued.ends - now, self._margin)


def wait(left: float, margin: float) -> float:
    """After how many seconds one that is good for `left` more is renewed."""
    least = min(left, LEAST) if left > 0 else LEAST
    return max(left - margin, least)
