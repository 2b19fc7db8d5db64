"""`Budget`: how many pulls an upstream still allows, as it says itself; none are asked beyond them.

Source: Docker Hub, "Pull usage and limits" (`ratelimit-remaining: 76;w=21600`); the IETF's draft of
RateLimit header fields (`ratelimit-reset`, seconds). Times are by `time.monotonic`.
"""

import re
from collections.abc import Mapping

LATER = 60.0
"""Seconds until somebody tries again, where it does not say when there are more."""
LONGEST = 3600.0

_number = re.compile(r"\s*([0-9]{1,9})(?:\s*[;,].*)?").fullmatch


class Budget:
    """That of one upstream."""

    def __init__(self) -> None:
        self.left: int | None = None
        """None where it has not said."""
        self._until = 0.0

    def hear(self, headers: Mapping[str, str], now: float) -> None:
        """Read what an answer says of it."""
        left = _read(headers.get("ratelimit-remaining", ""))
        if left is None:
            return
        self.left = left
        reset = _read(headers.get("ratelimit-reset", ""))
        self._until = 0.0 if left else now + min(LATER if reset is None else reset, LONGEST)

    def rests(self, now: float) -> float:
        """For how many seconds not to pull."""
        return max(0.0, self._until - now)


def _read(text: str) -> int | None:
    found = _number(text)
    return int(found[1]) if found else None
