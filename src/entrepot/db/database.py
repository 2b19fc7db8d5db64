"""`Database`: what a process holds of the metadata. Next: `db.sqlite`, `db.postgres`."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from entrepot.db.connection import Connection
from entrepot.db.log import Log
from entrepot.db.writer import Write
from entrepot.encryption.keys import Keyring

T = TypeVar("T")


class Database(Protocol):
    """The metadata; made, used and closed on the event loop."""

    keyring: Keyring
    log: Log
    """Tells caches what has changed."""

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a short query: at once, where that takes microseconds; else without holding up
        anyone meanwhile. Raises `UnavailableError` where the database cannot be reached.
        """

    async def scan(self, query: Callable[[Connection], T]) -> T:
        """Run a long query, which sees one state of the database, and holds up nobody."""

    def connect(self) -> Connection:
        """A connection for a thread that asks much, and changes nothing; to be closed."""

    def ask(self, query: Callable[[Connection], T]) -> T:
        """Run a short query from any thread, and wait for it."""

    async def scour(self) -> None:
        """Leave nothing of what was overwritten where it could be read, as far as that can be."""

    def write(self, write: Write[T], *, large: bool = False) -> "asyncio.Future[T]":
        """Run a write in a transaction; the answer comes when it is durable and seen by all."""

    def note(self, write: Write[T]) -> "asyncio.Future[T]":
        """The same for bookkeeping that a crash of the process keeps, but a power cut may lose."""

    def trouble(self) -> str | None:
        """Why no writes are taken, and none would be durable; None where all is well."""

    async def close(self) -> None:
        """Finish the writes under way."""
