"""`Connection`: what the queries of this room need of a database, be it SQLite or PostgreSQL.

SQL is written once, for both: values are bound by `?` or `:name`, ids come back by `returning`,
and what one of the two does not have is not used. Errors are the DB-API's (PEP 249), as the
standard library has them for SQLite: `sqlite3.IntegrityError` and its kin, whichever database it
is. A connection is used by one thread at a time.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from entrepot.encryption.keys import Keyring

Values = Sequence[Any] | Mapping[str, Any]
"""What is bound to a statement."""


class UnavailableError(sqlite3.OperationalError):
    """The database cannot be reached now, or takes too long; it may be tried again."""


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

    @property
    def dialect(self) -> str:
        """sqlite or postgresql, for the few questions that are about the database itself."""

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""

    def execute(self, statement: str, values: Values = (), /) -> Cursor:
        """Run one. Raises `sqlite3.Error`."""

    def executemany(self, statement: str, values: Iterable[Values], /) -> Cursor:
        """Run one for each of these values."""

    def exclusive(self) -> AbstractContextManager[None]:
        """A transaction beside which no other process writes; what raises in it undoes it."""

    def snapshot(self) -> AbstractContextManager[None]:
        """A transaction that sees one state of the database, and writes nothing."""

    def close(self) -> None:
        """Let go."""
