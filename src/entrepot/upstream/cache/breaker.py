"""`Breaker`: spares an upstream that fails, and whoever would wait for it.

    working ──LIMIT failures──▶ resting ──pause──▶ one attempt ──success──▶ working
                                   ▲                    └────failure, twice the pause────┐
                                   └─────────────────────────────────────────────────────┘

Where but one repository fails, others are asked all the same: one attempt each, which makes good or
counts as well. It also rests for as long as the upstream says that it wants to. Times are by
`time.monotonic`.
"""

import threading

from entrepot.upstream.cache.failing import Failing

LIMIT = 4
"""Failures in a row after which it rests; and as many repositories are tried before it is all."""

FIRST, LONGEST = 1.0, 60.0
"""Seconds of a pause."""

MOST_TOLD = 3600.0
"""Seconds for which it may say that it wants to be left alone: some say years."""


class Breaker:
    """How one upstream does; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = FIRST
        self._until = self._told_until = self._failed_at = 0.0
        self._tried = set[str]()
        """Repositories that failed, or may, since it answered last."""
        self._open = Failing()
        self.why = ""
        """What happened last."""
        self.status = 0
        """What it answered then; 0 where it did not."""

    def rests(self, now: float, repository: str = "") -> float:
        """For how many seconds not to ask something of a repository; 0 where one may, which counts
        as an attempt.
        """
        with self._lock:
            if now < self._until:
                return 0.0 if self._is_another(repository, now) else self._until - now
            if self._failures >= LIMIT:
                self._until = now + self._pause  # the others wait for what comes of this one
            return 0.0

    def _is_another(self, repository: str, now: float) -> bool:
        """Whether it may be that only others fail: then this one is tried, once."""
        known = not repository or repository in self._tried or len(self._tried) >= LIMIT
        if known or now < self._told_until:
            return False
        self._tried.add(repository)
        return True

    def broke(self, since: float, now: float) -> float:
        """For how many seconds not to ask what somebody began to wait for at a time, since it
        failed once too often after that; 0 where one may.
        """
        with self._lock:
            if self._failures < LIMIT or self._failed_at < since:
                return 0.0
            return max(self._until - now, FIRST)

    def trouble(self, now: float) -> str:
        """What happened last, while it rests; "" while it works."""
        with self._lock:
            return self.why if now < self._until else ""

    def seconds(self, now: float) -> float:
        """For how long it has been open: since it rested first and has not answered; 0 where it
        works, or nobody has tried of late.
        """
        return self._open.seconds(now, self._until)

    def succeeded(self) -> None:
        """It answered."""
        self._open.succeeded()
        with self._lock:
            self._failures, self._pause, self._until = 0, FIRST, 0.0
            self._tried.clear()

    def failed(self, now: float, why: str, status: int = 0, repository: str = "") -> None:
        """It did not."""
        with self._lock:
            self._failures += 1
            if len(self._tried) < LIMIT:
                self._tried.add(repository)
            self._failed_at = now
            self.why, self.status = why, status
            if self._failures > LIMIT:
                self._pause = min(self._pause * 2, LONGEST)
            if self._failures >= LIMIT:
                self._until = max(self._until, now + self._pause)
                self._open.failed(now, why)

    def told(self, now: float, seconds: float, why: str) -> None:
        """It wants to be left alone for so long."""
        with self._lock:
            self.why = why
            self._told_until = max(self._told_until, now + min(seconds, MOST_TOLD))
            self._until = max(self._until, self._told_until)
            self._open.failed(now, why)
