"""`Rest`: for how long a rule leaves the other registry alone, since it fails.

Longer each time, as long as nothing works. An image that is broken there counts once, however often
it is tried: it is tried more and more seldom itself, and is not to hold up the others. Pure; times
are of the clock that nobody sets (`time.monotonic`).
"""

from entrepot.upkeep.replication.pace import delay
from entrepot.upstream.place import BrokenError

LONGEST = 3600.0
"""For which it may say that it wants to be left alone: some say years."""


class Rest:
    """That of one rule."""

    def __init__(self) -> None:
        self.until = 0.0
        self._failures = 0
        self._counted = set[tuple[str, str]]()

    def failed(self, image: tuple[str, str] | None, error: Exception, now: float) -> bool:
        """Something failed, of an image or, for None, of the registry itself; whether that is the
        first time.
        """
        counts = now >= self.until and (image is None or image not in self._counted)
        if counts:
            self._failures += 1
        if counts and image is not None:
            self._counted.add(image)
        wait = min(error.wait, LONGEST) if isinstance(error, BrokenError) else 0.0
        self.until = now + max(wait, delay(self._failures))
        return counts and self._failures == 1

    def went_on(self) -> bool:
        """Something works; whether it had failed."""
        failed, self._failures = self._failures > 0, 0
        self._counted.clear()
        return failed

    def end(self) -> None:
        """Somebody wants it to be tried at once."""
        self.went_on()
        self.until = 0.0
