"""`Lately`: what was found out about an upstream just now, so that it is not asked each time.

Kept in memory alone, and bounded: whoever asks for names that nobody has must not fill anything.
"""

import time
from collections import OrderedDict

MOST = 10_000


class Lately:
    """Names, each with a word, which are forgotten after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def add(self, what: str, word: str = "") -> None:
        """It was so just now."""
        self._known.pop(what, None)
        self._known[what] = time.monotonic(), word
        while len(self._known) > MOST:
            self._known.popitem(last=False)

    def get(self, what: str, most: float = float("inf")) -> str | None:
        """The word, where it was so lately, and no more than `most` seconds ago."""
        at, word = self._known.get(what, (float("-inf"), ""))
        return word if time.monotonic() - at < min(self._seconds, most) else None
