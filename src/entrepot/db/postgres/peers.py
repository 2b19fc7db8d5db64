"""`Peers`: the other processes over the same database, and how far each has heard.

Who was told of a change may ask any replica next. So a change is answered when every other one has
heard of it, and dropped what it kept; or has been silent for so long that it keeps nothing any more
(`listener`). A replica that was killed holds changes up once, until its time is over.
"""

import asyncio
import contextlib
import secrets
import threading
import time

GONE = 2.5
"""Seconds of silence after which a peer keeps nothing; longer than its own patience."""
_LOOK = 0.25


class Peers:
    """What is known of them; told in the listener's thread, asked on the event loop."""

    def __init__(self) -> None:
        self.own = secrets.token_hex(8)
        """What this process is called among them."""
        self._known: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    def word(self, cursor: int) -> str:
        """What this process tells the others when it has heard of all up to `cursor`."""
        return f"heard {self.own} {cursor}"

    def bye(self) -> str:
        """What it tells them at its end."""
        return f"bye {self.own} 0"

    def take(self, text: str) -> bool:
        """Take in what a peer tells, in any thread. False for any other news."""
        verb, _, rest = text.partition(" ")
        name, _, cursor = rest.partition(" ")
        if verb not in ("heard", "bye") or not cursor.isdigit():
            return False
        if name != self.own:
            with self._lock:
                self._known.pop(name, None)
                if verb == "heard":
                    self._known[name] = int(cursor), time.monotonic()
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._news.set)
        return True

    async def heard(self, number: int) -> None:
        """Wait until all have heard of the change with this id, or are gone."""
        while self._any_behind(number):
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._news.wait()

    def _any_behind(self, number: int) -> bool:
        now = time.monotonic()
        with self._lock:
            self._known = {k: v for k, v in self._known.items() if now - v[1] < GONE}
            return any(cursor < number for cursor, _ in self._known.values())
