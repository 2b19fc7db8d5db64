"""`Place`: where the metadata is, as the settings say; what a command or a server begins with."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from entrepot.db import engine
from entrepot.db.connection import Connection
from entrepot.db.generation import Generation
from entrepot.db.schema import VERSION, SchemaError
from entrepot.encryption.keys import NO_KEYS, Keyring

if TYPE_CHECKING:
    from entrepot.db.database import Database
    from entrepot.db.postgres.server import Server

CHANNEL = "entrepot"
"""On which PostgreSQL says that something changed."""


class Place(Protocol):
    """A database that is here, or can be made."""

    def exists(self) -> bool:
        """Whether there is a registry."""

    def prepare(self) -> None:
        """Make the schema where there is none; bring an older one up where that is safe.

        Raises `SchemaError`, `sqlite3.Error`, OSError.
        """

    def versions(self) -> tuple[int, int]:
        """The schema's version, 0 for none, and the one that this program wants."""

    def upgrade(self) -> tuple[int, int]:
        """Bring the schema to this program's version; from which, to which."""

    def announce(self) -> None:
        """Tell servers that run of changes which were made by a connection of one's own."""

    def connect(self) -> Connection:
        """A connection in autocommit mode."""

    def connect_to_read(self) -> Connection:
        """One that changes nothing. Raises `SchemaError`."""

    def database(self) -> "Database":
        """All that a process needs to serve; to be made on the event loop."""


def find(folder: Path, url: str = "", keyring: Keyring = NO_KEYS) -> Place:
    """The place that the settings mean. Raises ImportError where the extra is missing."""
    if not url:
        return Folder(folder, keyring)
    from entrepot.db.postgres.server import Server

    return Remote(Server(url, keyring))


@dataclass(frozen=True, slots=True)
class Folder:
    """SQLite in a folder."""

    folder: Path
    keyring: Keyring = NO_KEYS

    def __str__(self) -> str:
        return str(self.folder.absolute())

    def exists(self) -> bool:
        """Whether there is a registry."""
        return (self.folder / engine.FILE).exists()

    def prepare(self) -> None:
        """Make or upgrade the schema: nobody of an older version can be at work on this file."""
        engine.prepare(self.folder)

    def versions(self) -> tuple[int, int]:
        """The schema's version, 0 for none, and the one that this program wants."""
        if not self.exists():
            return 0, VERSION
        with closing(engine.connect(self.folder)) as db:
            return engine.version(db), VERSION

    def upgrade(self) -> tuple[int, int]:
        """Bring the schema to this program's version; from which, to which."""
        found, wanted = self.versions()
        self.prepare()
        return found, wanted

    def announce(self) -> None:
        """Tell servers that run of changes which were made by a connection of one's own."""
        with closing(Generation(self.folder)) as generation:
            generation.bump()

    def connect(self) -> Connection:
        """A connection in autocommit mode."""
        return engine.connect(self.folder, self.keyring)

    def connect_to_read(self) -> Connection:
        """One that changes nothing."""
        return engine.connect_to_read(self.folder, self.keyring)

    def database(self) -> "Database":
        """All that a process needs to serve."""
        from entrepot.db.sqlite import SQLiteDatabase

        return SQLiteDatabase(self.folder, self.keyring)


@dataclass(frozen=True, slots=True)
class Remote:
    """PostgreSQL."""

    server: "Server"

    def __str__(self) -> str:
        return str(self.server)

    def exists(self) -> bool:
        """Whether there is a registry."""
        return self.versions()[0] > 0

    def prepare(self) -> None:
        """Make the schema in an empty database; an older one is upgraded by whoever says so, since
        other replicas may be at work on it.
        """
        self.server.prepare()

    def versions(self) -> tuple[int, int]:
        """The schema's version, 0 for none, and the one that this program wants."""
        with closing(self.server.connect()) as db:
            return self.server.version(db), VERSION

    def upgrade(self) -> tuple[int, int]:
        """Bring the schema to this program's version; from which, to which."""
        return self.server.upgrade()

    def announce(self) -> None:
        """Tell servers that run of changes which were made by a connection of one's own."""
        with closing(self.server.connect()) as db:
            db.execute(f"notify {CHANNEL}")

    def connect(self) -> Connection:
        """A connection in autocommit mode."""
        return self.server.connect()

    def connect_to_read(self) -> Connection:
        """One that changes nothing."""
        found, wanted = self.versions()
        if found != wanted:
            raise self.server.unknown(found) if found else SchemaError(f"{self} has no registry")
        db = self.server.connect()
        db.execute("set default_transaction_read_only = on")
        return db

    def database(self) -> "Database":
        """All that a process needs to serve."""
        from entrepot.db.postgres.database import PostgresDatabase

        return PostgresDatabase(self.server)
