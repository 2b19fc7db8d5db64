"""`Connection`: what the queries of this room need of a database, be it SQLite or PostgreSQL.

SQL is written once, for both: values are bound by `?` or `:name`, ids come back by `returning`,
and what one of the two does not have is not used. A connection is used by one thread at a time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from entrepot.encryption.keys import Keyring

Values = Sequence[Any] | Mapping[str, Any]
"""What is bound to a statement."""


class Cursor(Protocol):
    """Rows, as tuples."""

    @property
    def rowcount(self) -> int:
        """Rows that the statement changed."""

    def fetchone(self) -> Any:
        """The next row, None behind the last."""

    def fetchall(self) -> list[Any]:
        """The rest of them."""

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """Runs statements."""

    @property
    def keyring(self) -> Keyring:
        """What seals and opens the content of rows: see `db.sealed`."""

    def execute(self, statement: str, values: Values = (), /) -> Cursor:
        """Run one; raises `sqlite3.Error`, or what the other database's driver has for it."""

    def executemany(self, statement: str, values: Iterable[Values], /) -> Cursor:
        """Run one for each of these values."""
