"""`Server`: where the PostgreSQL is, how to connect to it, and the schema there.

Whoever holds the lock of writes and then hangs, or is cut off, would hold up every replica. So each
connection has bounds: of a statement, of a transaction that does nothing, of silence on the wire.
"""

from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg

from entrepot.db import schema
from entrepot.db.postgres.connection import WRITES, PostgresConnection, dbapi
from entrepot.db.schema import VERSION, SchemaError
from entrepot.encryption.keys import NO_KEYS, Keyring

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30
IDLE_SECONDS = 10
SILENCE_SECONDS = 10
"""After which a connection whose other side says nothing counts as cut."""

_OPTIONS = {
    "connect_timeout": CONNECT_SECONDS,
    "tcp_user_timeout": SILENCE_SECONDS * 1000,
    "keepalives_idle": SILENCE_SECONDS // 2,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "application_name": "entrepot",
}


def _session(statement_seconds: int) -> str:
    settings = {
        "statement_timeout": f"{statement_seconds}s",
        # Whoever waited for the lock of writes must see what its holder before wrote.
        "default_transaction_isolation": r"read\ committed",
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
        "tcp_keepalives_idle": SILENCE_SECONDS // 2,
        "tcp_keepalives_interval": 2,
        "tcp_keepalives_count": 3,
        "tcp_user_timeout": SILENCE_SECONDS * 1000,
        "client_min_messages": "error",
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


@dataclass(frozen=True, slots=True)
class Server:
    """A database of a PostgreSQL server."""

    url: str = field(repr=False)
    """May hold a password: it is shown nowhere."""
    keyring: Keyring = NO_KEYS

    def __str__(self) -> str:
        """Where it is, without who comes and by what."""
        found = psycopg.conninfo.conninfo_to_dict(self.url)
        port = f":{found['port']}" if "port" in found else ""
        return f"postgresql://{found.get('host', '')}{port}/{found.get('dbname', '')}"

    def parameters(self, statement_seconds: int = STATEMENT_SECONDS) -> dict[str, Any]:
        """What psycopg wants to know beside the address."""
        return {"options": _session(statement_seconds), **_OPTIONS}

    def raw(
        self, *, autocommit: bool = True, statement_seconds: int = STATEMENT_SECONDS
    ) -> psycopg.Connection[Any]:
        """psycopg's own connection. Raises `UnavailableError`."""
        try:
            found = self.parameters(statement_seconds)
            return psycopg.connect(self.url, autocommit=autocommit, **found)
        except psycopg.Error as error:
            raise dbapi(error) from error

    def connect(self, statement_seconds: int = STATEMENT_SECONDS) -> PostgresConnection:
        """A connection in autocommit mode."""
        return PostgresConnection(self.raw(statement_seconds=statement_seconds), self.keyring)

    def version(self, db: PostgresConnection) -> int:
        """Of the schema; 0 where there is none."""
        known = db.execute("select to_regclass('alembic_version') is not null").fetchone()[0]
        if not known:
            return 0
        row = db.execute("select version_num from alembic_version").fetchone()
        return int(row[0]) if row else 0

    def prepare(self) -> None:
        """Make the schema in an empty database. Raises `SchemaError` for another version's."""
        with closing(self.connect()) as db:
            found = self.version(db)
        if found == 0:
            self.prepare_empty()
        elif found != VERSION:
            raise self.unknown(found)

    def upgrade(self) -> tuple[int, int]:
        """Bring the schema to this version; from which, to which. Raises `SchemaError`."""
        self.prepare_empty()
        with closing(self.connect()) as db:
            found = self.version(db)
        if found > VERSION:
            raise self.unknown(found)
        if found < VERSION:
            from entrepot.db.migrations import migrate

            lock = f"select pg_advisory_xact_lock({WRITES})"
            migrate("postgresql+psycopg", lambda: self.raw(autocommit=False), found, lock)
        return found, VERSION

    def prepare_empty(self) -> None:
        """Make the schema where there is none; leave any other."""
        with closing(self.connect()) as db, db.exclusive():
            if self.version(db) == 0:
                schema.make(db)

    def unknown(self, found: int) -> SchemaError:
        """The error for another version's schema."""
        return SchemaError(
            f"{self} has schema {found}, this Entrepot knows {VERSION}: "
            + (
                "run the version that wrote it"
                if found > VERSION
                else "run entrepot db upgrade, once all replicas of the older version are stopped"
            )
        )
