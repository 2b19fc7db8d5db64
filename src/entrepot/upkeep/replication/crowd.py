"""`Crowd`: how much all rules together may be beginning at a time.

Threads that work share one interpreter: where hundreds of them begin, the event loop waits for
seconds. So only some may be young. What has lasted for a while mostly waits for the other registry,
and counts no more: so one that hangs holds up no other rule for long. Pure; times are seconds.
"""

from collections.abc import Hashable

MOST = 24
"""Copies that may be young."""
COMPARE = 4
"""As how many of these a compare counts: it has as many threads."""
YOUNG = 2.0
"""Seconds for which one is."""


class Crowd:
    """That of all rules of this process."""

    def __init__(self) -> None:
        self._young: dict[Hashable, tuple[float, int]] = {}
        """When each began, and as how many it counts; in the order in which they began."""

    def begin(self, what: Hashable, now: float, weight: int = 1) -> None:
        """Count something that begins."""
        self._young[what] = now, weight

    def end(self, what: Hashable) -> None:
        """It has ended."""
        self._young.pop(what, None)

    def room(self, now: float) -> int:
        """How many more may begin."""
        for what, (began, _) in list(self._young.items()):
            if now - began < YOUNG:
                break
            del self._young[what]
        return max(0, MOST - sum(weight for _, weight in self._young.values()))

    def wait(self, now: float) -> float:
        """For how many seconds nothing may begin, if nothing ends until then."""
        if self.room(now):
            return 0.0
        first, _ = next(iter(self._young.values()))
        return first + YOUNG - now
