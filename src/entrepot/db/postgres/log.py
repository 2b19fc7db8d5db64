"""`HeardLog`: the log of changes, as it is heard of from PostgreSQL.

The writer of this process feeds it before its answers go out, the listener with what others write.
What both bring is told twice, which harms nobody. Whoever stood still for too long knows so before
it answers anything: the other replicas have gone on without it by then.
"""

import logging
import time
from collections import deque
from collections.abc import Iterable

from entrepot.db.log import EVERYTHING, Telling

Row = tuple[int, str, str]
"""Id, kind and repository of a change."""

PATIENCE = 2.0
"""Seconds after which silence means that changes may have been missed."""

_log = logging.getLogger("entrepot.db")


class HeardLog(Telling):
    """A `Log`. Rows come from any thread and are told on the event loop, by `follow`."""

    def __init__(self) -> None:
        super().__init__(current=False)
        self._heard: deque[Row] = deque()
        self.asked_at = float("-inf")
        """When it was asked last for what the database has answered; by the monotonic clock."""

    @property
    def alive(self) -> bool:
        """Whether that is not too long ago."""
        return time.monotonic() - self.asked_at < PATIENCE

    def feed(self, rows: Iterable[Row]) -> None:
        """Bring changes, from any thread."""
        self._heard.extend(rows)

    def follow(self) -> None:
        """Tell the followers what came since the last time, or that this is not known."""
        if self.current and not self.alive:
            _log.error("changes are not heard of: nothing is cached until they are again")
            self.lose()
        while self._heard:
            _, kind, repository = self._heard.popleft()
            self._tell(kind, repository)

    def lose(self) -> None:
        """Say that changes are not heard of any more: nothing that is kept can be trusted."""
        self.current = False
        self._tell(EVERYTHING, "")

    def regain(self) -> None:
        """Say that they are heard of again. A read that is under way may have begun before what
        was missed: whoever waits for it must not keep it.
        """
        self.follow()
        self._tell(EVERYTHING, "")
        self.current = True
