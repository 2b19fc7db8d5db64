"""`PostgresDatabase`: the metadata in PostgreSQL, shared by any number of replicas."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any, TypeVar

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from entrepot.db.connection import Connection, UnavailableError
from entrepot.db.log import Log
from entrepot.db.postgres.connection import PostgresConnection
from entrepot.db.postgres.listener import Listener
from entrepot.db.postgres.log import HeardLog
from entrepot.db.postgres.peers import Peers
from entrepot.db.postgres.server import Server
from entrepot.db.postgres.writer import PostgresWriter
from entrepot.db.writer import Write

T = TypeVar("T")

READERS = 8
"""Connections for short queries, and threads that wait for their answers."""

READ_SECONDS = 5
"""How long a short query may wait for a connection."""

SCAN_SECONDS = 3600


class _CutError(UnavailableError):
    """The connection is none any more."""


class PostgresDatabase:
    """A `Database`: queries wait in threads."""

    def __init__(self, server: Server) -> None:
        server.prepare()
        self.keyring = server.keyring
        self.log: Log = (log := HeardLog())
        self._server = server
        self._pool: ConnectionPool[psycopg.Connection[Any]] = ConnectionPool(
            server.url,
            kwargs={"autocommit": True, **server.parameters()},
            min_size=1,
            max_size=READERS,
            open=True,
            timeout=READ_SECONDS,
            reconnect_timeout=READ_SECONDS,
            name="entrepot-read",
        )
        self._threads = ThreadPoolExecutor(READERS, "entrepot-read")
        peers = Peers()
        self._listener = Listener(server, log, peers)
        self._watchdog = self._listener.start()
        self._writer = PostgresWriter(server, log, peers)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a short query in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.ask, query)

    async def scan(self, query: Callable[[Connection], T]) -> T:
        """Run a long query, on one state of the database."""
        return await asyncio.to_thread(self._scan, query)

    def _scan(self, query: Callable[[Connection], T]) -> T:
        with closing(self.connect()) as db, db.snapshot():
            return query(db)

    def connect(self) -> Connection:
        """A connection for a thread that asks much."""
        return self._server.connect(SCAN_SECONDS)

    def ask(self, query: Callable[[Connection], T]) -> T:
        """Run a short query, and wait for it. One that met a connection which had been cut is run
        again, since it only reads; after a restart of the server all of them are cut.
        """
        for _ in range(READERS):
            with suppress(_CutError):
                return self._ask(query)
        return self._ask(query)

    def _ask(self, query: Callable[[Connection], T]) -> T:
        try:
            with self._pool.connection() as raw:
                try:
                    return query(PostgresConnection(raw, self.keyring))
                except UnavailableError as error:
                    if raw.closed:
                        raise _CutError(str(error)) from error
                    raise
        except PoolTimeout as error:
            raise UnavailableError("the database does not answer") from error

    async def scour(self) -> None:
        """Nothing: old versions of rows go with the server's own vacuum and log."""

    def write(self, write: Write[T], *, large: bool = False) -> "asyncio.Future[T]":
        """Run a write in a transaction; the answer comes when it is durable."""
        return self._writer.submit(write, large=large)

    def note(self, write: Write[T]) -> "asyncio.Future[T]":
        """The same for bookkeeping that a crash of the process keeps, but a power cut may lose."""
        return self._writer.submit(write, durable=False)

    def trouble(self) -> str | None:
        """Why no writes are taken; None where all is well."""
        return None if self._writer.running else "the writer has stopped"

    async def close(self) -> None:
        """Finish the writes under way."""
        await self._writer.close()
        self._watchdog.cancel()
        await asyncio.to_thread(self._listener.close)
        await asyncio.to_thread(self._pool.close)
        self._threads.shutdown(wait=False)
