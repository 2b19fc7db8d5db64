"""`Following`: a rule that pulls reads on in the other registry's log of changes, where it has one.

What it is at the end of its log is compared whole, once; from then on each change is heard of. One
that has no such log, or does not show it, is asked again now and then, and compared meanwhile.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from entrepot.db import replications
from entrepot.db.changes import Row
from entrepot.db.connection import Connection
from entrepot.db.replication_tags import Entry
from entrepot.db.replications import Direction
from entrepot.upkeep.replication import heard
from entrepot.upkeep.replication.told import AwayError, EndsError, OtherError
from entrepot.upkeep.replication.way import Way
from entrepot.upstream.place import UpstreamError

_WAIT = 10.0
"""Seconds that one request waits: less than a connection may be silent."""
_BRIEF, _AGAIN = 1.0, 600.0
_LONG = 8
"""Times that one that was followed may say that it is away: for some minutes."""

DAY = 24 * 3600.0


@dataclass(slots=True)
class Following:
    """Where a rule is in that log."""

    way: Way
    there: int | None
    """Changes up to this one have been put in line; None while it is not followed."""
    due: float = 0.0
    """When it is to be read."""
    known: bool = field(init=False)
    """Whether it is known if it can be followed: only then is anything compared."""
    _away: int = 0

    def __post_init__(self) -> None:
        self.known = self.way.rule.direction is Direction.PUSH
        if self.known:
            self.due = float("inf")

    @property
    def least(self) -> float:
        """Seconds between two compares, at least."""
        return DAY if self.there is not None else 0.0

    def read(self) -> "Heard":
        """What came behind the cursor, be it after a while. For a thread. Raises `UpstreamError`
        where it breaks off.
        """
        began, after = time.monotonic(), self.there
        try:
            rows, end = self.way.far.log(after, 0.0 if after is None else _WAIT)
        except AwayError:
            self._away += 1
            if after is not None and self._away < _LONG:
                raise
            return Heard({}, None)
        except OtherError:
            return Heard({}, None)
        except EndsError:
            rows, end = self.way.far.log(None, 0.0)
            after = None
        self.way.far.follows, self._away = True, 0
        idle = not rows and time.monotonic() - began < _BRIEF
        found = self._entries(rows)
        return Heard(found or {}, end, anew=after is None or found is None, idle=idle)

    def _entries(self, rows: Sequence[Row]) -> dict[Entry, float] | None:
        """What rows put in line; None where one of them cannot be looked at, whose image may be
        broken there: so all is compared, and it holds up nothing that comes behind it.
        """
        try:
            return heard.entries(self.way, rows)
        except UpstreamError:
            if self.way.pace.stop.is_set():
                raise
            return None

    def note(self, db: Connection, found: "Heard", now: float) -> None:
        """Write down how far the log was read, once what was heard is in line."""
        name = self.way.rule.name
        if found.end != self.there:
            replications.follow(db, name, found.end)
        if found.anew:
            replications.ask(db, name, now)

    def went_on(self, found: "Heard", now: float) -> None:
        """Go on behind what was heard."""
        self.there, self.known = found.end, True
        self.way.far.follows = found.end is not None
        wait = _AGAIN if found.end is None else _BRIEF if found.idle else 0.0
        self.due = now + wait


@dataclass(frozen=True, slots=True)
class Heard:
    """What was read."""

    entries: dict[Entry, float]
    end: int | None
    """The cursor behind it; None for a registry that cannot be followed."""
    anew: bool = False
    """Whether what came before is not known, and so all is to be compared."""
    idle: bool = False
    """Whether the answer came at once, and had nothing."""
