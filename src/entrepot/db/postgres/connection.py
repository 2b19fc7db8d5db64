"""`PostgresConnection`: psycopg's connection, as the queries of `db` want one.

Statements are written with `?` or `:name`; psycopg has `%s` and `%(name)s`. Truth values are whole
numbers in the schema. Errors become those of the DB-API as the standard library has them.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper

from entrepot.db.connection import Cursor, UnavailableError, Values
from entrepot.encryption.keys import NO_KEYS, Keyring

WRITES = 0x656E_7472
"""The advisory lock that whoever writes holds until the commit."""

_name = re.compile(r"(?<!:):([a-z_]+)")


class _Truth(Int8Dumper):
    def dump(self, obj: Any) -> Any:
        return super().dump(int(obj))


class _Text(StrDumper):
    """No text of PostgreSQL has a NUL; nor does any name, so what is looked for by one is not
    there.
    """

    def dump(self, obj: Any) -> Any:
        return super().dump(obj.replace("\0", "\u2400"))


@lru_cache(maxsize=1024)
def translated(statement: str) -> Any:
    """A statement with psycopg's placeholders."""
    return _name.sub(r"%(\1)s", statement).replace("?", "%s")


class PostgresConnection:
    """A `Connection` in autocommit mode."""

    dialect = "postgresql"

    def __init__(self, raw: psycopg.Connection[Any], keyring: Keyring = NO_KEYS) -> None:
        raw.adapters.register_dumper(bool, _Truth)
        raw.adapters.register_dumper(str, _Text)
        self.raw = raw
        self.keyring = keyring

    @property
    def in_transaction(self) -> bool:
        """Whether one is open, be it failed or not."""
        status = self.raw.info.transaction_status
        return status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    def execute(self, statement: str, values: Values = (), /) -> Cursor:
        """Run one."""
        try:
            return self.raw.execute(translated(statement), values or None)
        except psycopg.Error as error:
            raise dbapi(error) from error

    def executemany(self, statement: str, values: Iterable[Values], /) -> Cursor:
        """Run one for each of these values."""
        cursor = self.raw.cursor()
        try:
            cursor.executemany(translated(statement), values)
        except psycopg.Error as error:
            raise dbapi(error) from error
        return cursor

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """A transaction beside which no other process writes; what raises in it undoes it."""
        self.execute("begin")
        try:
            self.execute(f"select pg_advisory_xact_lock({WRITES})")
            yield
            self.execute("commit")
        except BaseException:
            if self.in_transaction:
                self.execute("rollback")
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A transaction that sees one state of the database, and writes nothing."""
        self.execute("begin isolation level repeatable read read only")
        try:
            yield
        finally:
            if self.in_transaction:
                self.execute("rollback")

    def close(self) -> None:
        """Let go."""
        self.raw.close()


_ERRORS: list[tuple[type[psycopg.Error], type[sqlite3.Error]]] = [
    (psycopg.errors.QueryCanceled, UnavailableError),
    (psycopg.errors.LockNotAvailable, UnavailableError),
    (psycopg.errors.IdleInTransactionSessionTimeout, UnavailableError),
    (psycopg.errors.DiskFull, sqlite3.OperationalError),
    (psycopg.IntegrityError, sqlite3.IntegrityError),
    (psycopg.OperationalError, UnavailableError),
    (psycopg.DataError, sqlite3.DataError),
    (psycopg.ProgrammingError, sqlite3.ProgrammingError),
    (psycopg.InterfaceError, UnavailableError),
]


def dbapi(error: psycopg.Error) -> sqlite3.Error:
    """The error by its DB-API name; a value in it is not shown (it may be somebody's)."""
    kind = next((ours for theirs, ours in _ERRORS if isinstance(error, theirs)), sqlite3.Error)
    primary = error.diag.message_primary if error.sqlstate else None
    text = primary or str(error).partition("\n")[0] or type(error).__name__
    if isinstance(error, psycopg.errors.DiskFull):
        text = f"database or disk is full: {text}"
    return kind(text)
