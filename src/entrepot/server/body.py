"""The body of a request between the parser, which fills it, and the app, which empties it.

Invariant: `complete` is true only when every byte that was promised has arrived; a body that ended
otherwise is `cut`, for ever.
"""

import asyncio

HIGH_WATER = 1 << 18
"""With more than this waiting to be read by the app, the socket is left alone."""


class Body:
    """A queue of byte strings with one end."""

    # Defaults of the class: one is made for each request, and most never change one.
    size = 0
    """Bytes that have arrived and wait in `pieces`."""
    arrived = 0
    cut = False
    handed_out = False
    """The app has been given the end of it."""
    bypassed = False
    """Some of it went from the socket to its sink: the parser has not seen all of it."""
    unwanted = False
    """It has been answered already: what comes is only counted."""
    in_thread = False
    """A pool thread fills it: nobody may be woken from there."""
    high_water = HIGH_WATER
    _changed: asyncio.Event | None = None

    def __init__(self, length: int | None):
        self.length = length
        """Bytes promised by Content-Length; None when chunked."""
        self.complete = length == 0
        self.pieces: list[bytes] = []

    @property
    def ended(self) -> bool:
        """Whether no more will come, for good or ill."""
        return self.complete or self.cut

    @property
    def to_come(self) -> int | None:
        """How many bytes have not arrived yet; None when nobody knows."""
        return None if self.length is None else self.length - self.arrived

    @property
    def overfull(self) -> bool:
        """Whether the app should read before more is taken from the socket."""
        return self.size > self.high_water

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        if self.unwanted:
            self.arrived += len(data)
            return
        self.pieces.append(data)
        self.size += len(data)
        self.arrived += len(data)
        self.wake()

    def finish(self) -> None:
        """Note that all of it has arrived."""
        self.complete = not self.cut
        self.wake()

    def break_off(self) -> None:
        """Note that the rest will never come."""
        self.cut = not self.complete
        self.wake()

    def take(self, limit: int | None = None) -> list[bytes]:
        """Remove and return what is queued, at most `limit` bytes of it."""
        pieces, self.pieces = self.pieces, []
        if limit is None or self.size <= limit:
            self.size = 0
            return pieces
        whole = b"".join(pieces)
        self.pieces = [whole[limit:]]
        self.size -= limit
        return [whole[:limit]]

    async def change(self) -> None:
        """Wait until something happens to the body, or to its connection."""
        if self._changed is None:
            self._changed = asyncio.Event()
        await self._changed.wait()

    def wake(self) -> None:
        """Wake whoever waits in `change`."""
        if self._changed is not None and not self.in_thread:
            self._changed.set()
            self._changed = None
