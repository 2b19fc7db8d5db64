"""`Log`: one reader of the log of changes per process, who tells all that must follow.

Looking costs 0.1 µs: the generation says whether there is anything to read (`db.generation`).
"""

from collections.abc import Callable

from entrepot.db import changes
from entrepot.db.connection import Connection
from entrepot.db.generation import Generation

Follower = Callable[[str, str], None]
"""Is told the kind of a change and the repository that it belongs to."""

_PAGE = 1000


class Log:
    """The cursor of this process."""

    def __init__(self, reader: Connection, generation: Generation) -> None:
        self._reader = reader
        self._generation = generation
        self._followers: list[Follower] = []
        self._seen = generation.read()
        self._cursor = changes.newest(reader)

    def subscribe(self, follower: Follower) -> None:
        """Have it told of whatever changes from now on."""
        self._followers.append(follower)

    def follow(self) -> None:
        """Tell the followers what came since the last time."""
        if self._generation.read() != self._seen:
            self._read()

    def _read(self) -> None:
        seen = self._generation.read()
        while True:
            rows = changes.after(self._reader, self._cursor, _PAGE)
            for number, kind, repository in rows:
                self._cursor = number
                for follower in self._followers:
                    follower(kind, repository)
            if len(rows) < _PAGE:
                self._seen = seen  # not before: a read that fails is made again
                return
