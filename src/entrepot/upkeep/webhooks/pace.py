"""When to try again what failed: soon at first, later and later, and no more after some days."""

import random
from dataclasses import dataclass

DAY = 24 * 3600.0

LATEST = 3600.0
"""Seconds between two attempts at most."""

_spread = random.Random()  # noqa: S311 - of its own: the module's is its users', who may seed it


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient to be; in seconds."""

    first: float = 5.0
    """Until the second attempt; doubled each time."""
    patience: float = 3 * DAY
    """After so long a delivery is dead."""
    kept: float = 14 * DAY
    """For so long ended deliveries are shown."""

    @property
    def longest(self) -> float:
        """Between two attempts, at most."""
        return max(LATEST, self.first)

    def again_at(self, attempts: int, now: float) -> float:
        """When to try again what failed so many times; spread, so that not all come at once."""
        seconds: float = min(self.first * 2.0 ** min(attempts - 1, 30), self.longest)
        return now + seconds * _spread.uniform(0.5, 1.0)

    def gives_up(self, failed_at: float | None, now: float) -> bool:
        """Whether to try no more, where the first attempt failed then."""
        return failed_at is not None and now - failed_at >= self.patience
