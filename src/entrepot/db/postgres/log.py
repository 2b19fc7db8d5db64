"""`HeardLog`: the log of changes, as it is heard of from PostgreSQL.

The writer of this process feeds it before its answers go out, the listener with what others write.
What both bring is told twice, which harms nobody.
"""

from collections import deque
from collections.abc import Iterable

from entrepot.db.log import EVERYTHING, Telling

Row = tuple[int, str, str]
"""Id, kind and repository of a change."""


class HeardLog(Telling):
    """A `Log`. Rows come from any thread and are told on the event loop, by `follow`."""

    def __init__(self) -> None:
        super().__init__(current=False)
        self._heard: deque[Row] = deque()

    def feed(self, rows: Iterable[Row]) -> None:
        """Bring changes, from any thread."""
        self._heard.extend(rows)

    def follow(self) -> None:
        """Tell the followers what came since the last time."""
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
