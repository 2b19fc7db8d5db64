"""How fast a rule may copy, and when it tries again."""

import threading
import time
from collections.abc import Iterator
from random import SystemRandom

from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.upstream.place import CHUNK, Blob, Source, UpstreamError

_FIRST, LATEST = 2.0, 900.0
"""Seconds until what failed is tried again: the first time, and at most."""
_SHARE = 20
"""As how much of what a compare took is rested."""
_spread = SystemRandom().uniform
_AT_ONCE = 4
"""Blobs that share the rate."""


def delay(attempts: int) -> float:
    """Seconds until what has failed so many times is tried again: not the same for all, or many
    registries would come at once to one that was away.
    """
    return min(_FIRST * 2.0 ** min(attempts - 1, 20), LATEST) * _spread(0.75, 1.0)


def anew(attempts: int, took: float, every: float) -> float:
    """Seconds until a compare is made again that was not whole so many times. One that `took` long
    is made more rarely, but as often as whole ones are: what could be compared waits no longer
    because of what could not.
    """
    return min(max(delay(attempts), _SHARE * took), every)


class StoppedError(UpstreamError):
    """The server stops, or the rule has changed."""


class Pace:
    """Bytes a second, of all threads together; None for as many as go."""

    def __init__(self, rate: int | None) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._free_at = 0.0
        self.stop = threading.Event()
        """Whether nothing more is to be copied."""

    @property
    def step(self) -> int:
        """Bytes that may pass at once: who is sent little at a time hears of it each second."""
        return CHUNK if self._rate is None else max(1, min(CHUNK, self._rate // _AT_ONCE))

    def take(self, size: int) -> None:
        """Wait until so many more may pass. Raises `StoppedError`."""
        wait = 0.0
        if self._rate is not None:
            with self._lock:
                now = time.monotonic()
                begin = max(now, self._free_at)
                self._free_at = begin + size / self._rate
            wait = begin - now
        if self.stop.wait(wait) if wait > 0 else self.stop.is_set():
            raise StoppedError("it was stopped, and goes on later")


class Paced:
    """A source whose blobs come at a pace."""

    def __init__(self, source: Source, pace: Pace) -> None:
        self._source, self._pace = source, pace

    def __str__(self) -> str:
        return str(self._source)

    def manifest(self, reference: str) -> Manifest:
        """See `Source`."""
        return self._source.manifest(reference)

    def blob(self, blob: Blob, start: int = 0) -> Iterator[bytes]:
        """See `Source`; raises also `StoppedError`."""
        step = self._pace.step
        for part in self._source.blob(blob, start):
            for begin in range(0, len(part), step):
                small = part[begin : begin + step]
                self._pace.take(len(small))
                yield small

    def referrers(self, digest: Digest) -> list[Digest]:
        """See `Source`."""
        return self._source.referrers(digest)

    def named_after(self, digest: Digest) -> list[str]:
        """See `Source`."""
        return self._source.named_after(digest)

    def tags(self) -> list[str]:
        """See `Source`."""
        return self._source.tags()
