"""`Failing`: since when something fails. Times are by `time.monotonic`."""

import threading

FORGOTTEN = 600.0
"""Seconds after which a failure says nothing of now: nobody has tried since."""


class Failing:
    """One thing that fails or does not; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since = self._last = 0.0
        self.why = ""
        """What happened last; "" where it does not fail."""

    def failed(self, now: float, why: str) -> None:
        """It does."""
        with self._lock:
            if not self.why:
                self._since = now
            self._last, self.why = now, why

    def succeeded(self) -> None:
        """It does not."""
        self.why = ""

    def seconds(self, now: float, until: float = 0.0) -> float:
        """For how long it has failed, more than 0; 0 where it does not, or where nobody has tried
        it of late and a time is over until which it fails for certain.
        """
        with self._lock:
            if not self.why or now >= max(self._last + FORGOTTEN, until):
                return 0.0
            return max(now - self._since, 0.001)
