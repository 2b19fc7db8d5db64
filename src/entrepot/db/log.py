"""`Log`: one reader of the log of changes per process, who tells all that must follow.

What is kept by whoever follows is good as long as nothing else was told since. A read that was
under way when something was told may have seen the state before: so whoever keeps what it read
notes `state` before the read and keeps nothing if that has moved.
"""

from collections.abc import Callable
from typing import Protocol

from entrepot.db import changes
from entrepot.db.connection import Connection
from entrepot.db.generation import Generation

Follower = Callable[[str, str], None]
"""Is told the kind of a change and the repository that it belongs to; kind `EVERYTHING` means that
anything may have changed.
"""

EVERYTHING = "everything"

_PAGE = 1000
_MOST_PAGES = 10
"""That are read one after the other, on the event loop: who is further behind forgets all it kept
instead.
"""


class Log(Protocol):
    """The cursor of this process."""

    state: int
    """Counts what was told."""
    current: bool
    """Whether changes are heard of; while they are not, nothing that was read may be kept."""

    def subscribe(self, follower: Follower) -> None:
        """Have it told of whatever changes from now on."""

    def follow(self) -> None:
        """Tell the followers what came since the last time; costs 0.1 µs where nothing has."""


class Telling:
    """What logs of all kinds have: followers, and how much these were told."""

    def __init__(self, *, current: bool) -> None:
        self.state = 0
        self.current = current
        self._followers: list[Follower] = []

    def subscribe(self, follower: Follower) -> None:
        """Have it told of whatever changes from now on."""
        self._followers.append(follower)

    def _tell(self, kind: str, repository: str) -> None:
        self.state += 1
        for follower in self._followers:
            follower(kind, repository)


class FileLog(Telling):
    """The log of a SQLite database: its generation says whether there is anything to read."""

    def __init__(self, reader: Connection, generation: Generation) -> None:
        super().__init__(current=True)
        self._reader = reader
        self._generation = generation
        self._seen = generation.read()
        self._cursor = changes.newest(reader)

    def follow(self) -> None:
        """Tell the followers what came since the last time."""
        if self._generation.read() != self._seen:
            self._read()

    def _read(self) -> None:
        seen = self._generation.read()
        for _ in range(_MOST_PAGES):
            rows = changes.after(self._reader, self._cursor, _PAGE)
            for number, kind, repository in rows:
                self._cursor = number
                self._tell(kind, repository)
            if len(rows) < _PAGE:
                self._seen = seen  # not before: a read that fails is made again
                return
        self._cursor = changes.newest(self._reader)
        self._tell(EVERYTHING, "")
        self._seen = seen
