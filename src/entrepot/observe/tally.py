"""`Tally`: what one process has counted; the hot path adds to it, Prometheus reads the sum.

Counting in the client library costs more than answering from memory does, so requests are counted
in plain lists here, and `observe.metrics` shows them through the library. Several workers over one
folder each leave their tally in a file, and whoever is asked adds them up.
"""

import json
import os
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

FOLDER = "metrics"
"""Where in the data folder several workers leave their tallies."""

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
"""Upper bounds in seconds; the last bucket has none."""

SECONDS = len(BUCKETS) + 1
SENT = SECONDS + 1

Key: TypeAlias = tuple[str, str, int]
"""Method, route, status."""

_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"})


@dataclass(slots=True)
class Tally:
    """Requests by their key: a count per bucket, then the sum of seconds, then of bytes sent."""

    requests: dict[Key, list[float]] = field(default_factory=dict)
    received: dict[str, float] = field(default_factory=dict)
    """Bytes of bodies taken in, by route."""
    gauges: dict[str, float] = field(default_factory=dict)
    counters: dict[str, dict[str, float]] = field(default_factory=dict)
    """By name and label, what only grows."""
    states: dict[str, dict[str, float]] = field(default_factory=dict)
    """By name and label, how things stand; of several processes the largest counts."""

    def grow(self, name: str, label: str, by: float) -> None:
        """Count so many more."""
        values = self.counters.setdefault(name, {})
        values[label] = values.get(label, 0) + by

    def count(self, key: Key, seconds: float, sent: int) -> None:
        """Count one request."""
        try:
            row = self.requests[key]
        except KeyError:
            row = self._row(key)
        row[bisect_left(BUCKETS, seconds)] += 1
        row[SECONDS] += seconds
        row[SENT] += sent

    def _row(self, key: Key) -> list[float]:
        """Labels are bounded; the methods that clients invent are not."""
        method, route, status = key
        known = method if method in _METHODS else "other"
        return self.requests.setdefault((known, route, status), [0] * (SENT + 1))

    def add(self, other: "Tally", *, alive: bool) -> None:
        """Add another process's tally; what it measured of itself only while it is alive."""
        for key, row in other.requests.items():
            own = self.requests.setdefault(key, [0] * (SENT + 1))
            own[:] = [a + b for a, b in zip(own, row, strict=True)]
        for route, size in other.received.items():
            self.received[route] = self.received.get(route, 0) + size
        for name, values in other.counters.items():
            for label, value in values.items():
                self.grow(name, label, value)
        for name, value in other.gauges.items() if alive else ():
            self.gauges[name] = self.gauges.get(name, 0) + value
        for name, values in other.states.items() if alive else ():
            worst = self.states.setdefault(name, {})
            for label, value in values.items():
                worst[label] = max(value, worst.get(label, value))


def prepare(folder: Path) -> None:
    """Make the folder; what workers of an earlier run have left goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        file.unlink(missing_ok=True)


def _is_alive(file: Path) -> bool:
    return Path(f"/proc/{file.stem}").exists()


def leave(tally: Tally, folder: Path) -> None:
    """Leave this process's tally for the others."""
    document = [[*key, row] for key, row in tally.requests.items()]
    text = json.dumps([document, tally.received, tally.gauges, tally.counters, tally.states])
    target = folder / f"{os.getpid()}.json"
    target.with_suffix(".new").write_text(text)
    target.with_suffix(".new").rename(target)


def others(folder: Path) -> Iterator[tuple[Tally, bool]]:
    """The tallies that other processes left, each with whether its process is alive."""
    for file in folder.glob("*.json"):
        if file.stem != str(os.getpid()):
            yield _read(json.loads(file.read_text())), _is_alive(file)


def _read(document: Any) -> Tally:
    requests, *others = document
    return Tally({(m, route, status): row for m, route, status, row in requests}, *others)
