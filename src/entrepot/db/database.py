"""`Database`: what a process holds of the metadata: a reader, the writer, the generation."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from entrepot.db.connection import Connection
from entrepot.db.engine import SQLite, connect, connect_to_read, prepare
from entrepot.db.generation import Generation
from entrepot.db.log import FileLog, Log
from entrepot.db.writer import Write, Writer
from entrepot.encryption.keys import NO_KEYS, Keyring

T = TypeVar("T")


class Database:
    """The metadata in a folder; made and used on the event loop."""

    def __init__(self, folder: Path, keyring: Keyring = NO_KEYS) -> None:
        prepare(folder)
        self.folder = folder
        self.keyring = keyring
        self.generation = Generation(folder)
        # A process that was killed between a commit and its bump is followed by a new one: this.
        self.generation.bump()
        self.reader: SQLite = connect(folder, keyring)
        """For the event loop's own queries, which must stay in the microseconds."""
        self.log: Log = FileLog(self.reader, self.generation)
        """Tells caches what has changed."""
        self._aside = connect(folder, keyring)
        self._aside_lock = threading.Lock()
        self._writer = Writer(folder, self.generation, keyring)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a short query: at once, where that takes microseconds; else without holding up
        anyone meanwhile.
        """
        return query(self.reader)

    def ask(self, query: Callable[[Connection], T]) -> T:
        """Run a short query from any thread, and wait for it."""
        with self._aside_lock:
            return query(self._aside)

    async def survey(self, query: Callable[[Connection], T]) -> T:
        """Run a long query, that may read whole tables, beside all else."""

        def ask() -> T:
            with closing(connect_to_read(self.folder, self.keyring)) as db:
                return query(db)

        return await asyncio.to_thread(ask)

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

    @property
    def writable(self) -> bool:
        """Whether writes are taken."""
        return self._writer.running

    async def close(self) -> None:
        """Finish the writes under way."""
        await self._writer.close()
        self.reader.close()
        self._aside.close()
        self.generation.close()
