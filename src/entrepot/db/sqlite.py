"""`SQLiteDatabase`: the metadata in a folder, for one machine."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from entrepot.db.connection import Connection
from entrepot.db.engine import FILE, SQLite, connect, connect_to_read, prepare
from entrepot.db.generation import Generation
from entrepot.db.log import FileLog, Log
from entrepot.db.writer import SQLiteWriter, Write
from entrepot.encryption.keys import NO_KEYS, Keyring

T = TypeVar("T")


class SQLiteDatabase:
    """A `Database`: short queries run on the event loop itself, in microseconds."""

    def __init__(self, folder: Path, keyring: Keyring = NO_KEYS) -> None:
        prepare(folder)
        self.folder = folder
        self.keyring = keyring
        self.generation = Generation(folder)
        # A process that was killed between a commit and its bump is followed by a new one: this.
        self.generation.bump()
        self.reader: SQLite = connect(folder, keyring)
        self.log: Log = FileLog(self.reader, self.generation)
        self._aside = connect(folder, keyring)
        self._aside_lock = threading.Lock()
        self._writer = SQLiteWriter(folder, self.generation, keyring)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a short query at once."""
        return query(self.reader)

    async def scan(self, query: Callable[[Connection], T]) -> T:
        """Run a long query in a thread."""
        return await asyncio.to_thread(self._scan, query)

    def _scan(self, query: Callable[[Connection], T]) -> T:
        with closing(self.connect()) as db, db.snapshot():
            return query(db)

    def connect(self) -> Connection:
        """A connection for a thread that asks much, and changes nothing."""
        return connect_to_read(self.folder, self.keyring)

    def ask(self, query: Callable[[Connection], T]) -> T:
        """Run a short query from any thread, and wait for it."""
        with self._aside_lock:
            return query(self._aside)

    async def scour(self) -> None:
        """Leave nothing of what was overwritten in the files."""

        def truncate() -> None:
            with self._aside_lock:
                self._aside.execute("pragma wal_checkpoint(truncate)")

        await asyncio.to_thread(truncate)

    def write(self, write: Write[T], *, large: bool = False) -> "asyncio.Future[T]":
        """Run a write in a transaction; the answer comes when it is durable and seen by all."""
        return self._writer.submit(write, large=large)

    def note(self, write: Write[T]) -> "asyncio.Future[T]":
        """The same for bookkeeping that a crash of the process keeps, but a power cut may lose."""
        return self._writer.submit(write, durable=False)

    def trouble(self) -> str | None:
        """Why no writes are taken, or none would be durable; None where all is well."""
        if not (self.folder / FILE).exists():  # what is written now would be lost
            return "its file is gone"
        return None if self._writer.running else "the writer has stopped"

    async def close(self) -> None:
        """Finish the writes under way."""
        await self._writer.close()
        self.reader.close()
        self._aside.close()
        self.generation.close()
