"""The writer: one per process, through which every write goes.

Whatever has gathered while a commit was being synced shares the next one (group commit), each
write in a savepoint of its own, so that one that fails takes no other with it. A write that is
only bookkeeping of uploads need not survive a power cut, and a batch of such writes is
committed without a sync; a later durable commit syncs it too, since the whole log is synced.

One writer at a time has a transaction, of all processes over one database. So a write sees all that
was written before, and nothing comes between what it checks and what it does.
"""

import asyncio
import logging
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from entrepot.db import moving
from entrepot.db.connection import Connection
from entrepot.db.engine import BUSY_SECONDS, connect
from entrepot.db.generation import Generation
from entrepot.encryption.keys import NO_KEYS, Keyring

T = TypeVar("T")
Write = Callable[[Connection], T]

MAX_BATCH = 32
"""Writes of one transaction: more would hold up the event loop for milliseconds."""

_RETRY_SECONDS = 0.002

_log = logging.getLogger("entrepot.db")


@dataclass(slots=True)
class Job:
    """A write on its way."""

    write: Write[Any]
    durable: bool
    large: bool
    answer: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        """Give the answer to whoever waits."""
        if self.answer.done():
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.result)


class Writer(ABC):
    """Runs writes in the order in which they came. Made, used and closed on the event loop."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "entrepot-writer")
        self._task = self._loop.create_task(self._run())
        self._telling: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> bool:
        """Whether writes are taken."""
        return not self._closing and not self._task.done()

    def submit(
        self, write: Write[T], *, durable: bool = True, large: bool = False
    ) -> "asyncio.Future[T]":
        """What `write` returns, once it is committed.

        The write goes on when nobody waits for the answer any more. Say that it is `large` where
        it takes more than some dozens of statements.
        """
        if self._closing:
            raise RuntimeError("the writer is closed")
        job = Job(write, durable, large, self._loop.create_future())
        self._jobs.append(job)
        self._wake.set()
        return job.answer

    async def close(self) -> None:
        """Finish what was submitted."""
        self._closing = True
        self._wake.set()
        await self._task
        await asyncio.gather(*self._telling)
        await self.aside(self.disconnect)
        self._thread.shutdown()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            batch, self._jobs = self._jobs[:MAX_BATCH], self._jobs[MAX_BATCH:]
            if batch:
                await self._write(batch)
            elif self._closing:
                return
            else:
                self._wake.clear()

    async def _write(self, batch: list[Job]) -> None:
        known = None
        try:
            known = await self.commit(batch, durable=any(job.durable for job in batch))
        except Exception as error:  # noqa: BLE001 - it is raised again where the answers are awaited
            _log.error("a transaction failed: %s", error)
            for job in batch:
                job.error = error
        if known is None:
            _tell(batch)
        else:  # the next batch need not wait for that
            task = self._loop.create_task(_tell_later(batch, known))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    @abstractmethod
    async def commit(self, batch: list[Job], *, durable: bool) -> Awaitable[None] | None:
        """Run a batch in one transaction; what raises undoes it. What comes back is to be awaited
        before anyone is told.
        """

    @abstractmethod
    def disconnect(self) -> None:
        """Close the connection."""

    async def aside(self, work: Callable[[], T]) -> T:
        """Run something in the writer's thread."""
        return await self._loop.run_in_executor(self._thread, work)


def _tell(batch: list[Job]) -> None:
    for job in batch:
        job.tell()


async def _tell_later(batch: list[Job], known: Awaitable[None]) -> None:
    await known
    _tell(batch)


class SQLiteWriter(Writer):
    """What waits (for other processes' writes, for the disk) waits in a thread. The statements of
    small writes run on the event loop: each takes microseconds, and handing the interpreter to and
    fro between two threads for each of them cost more than they do.
    """

    def __init__(self, folder: Path, generation: Generation, keyring: Keyring = NO_KEYS) -> None:
        super().__init__()
        self._generation = generation
        self._db = connect(folder, keyring)
        self._db.execute("pragma busy_timeout = 0")  # the loop must not wait; `_begin` does
        self._synced = True

    async def commit(self, batch: list[Job], *, durable: bool) -> None:
        """Run a batch in one transaction; what raises undoes it."""
        try:
            self._sync(durable)
            await self._begin()
            if any(job.large for job in batch):
                await self.aside(lambda: try_all(self._db, batch))
            else:
                try_all(self._db, batch)
            await self.aside(lambda: self._db.execute("commit"))
        except Exception:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise
        if durable:  # bookkeeping of uploads changes no repository
            self._generation.bump()

    def disconnect(self) -> None:
        """Close the connection."""
        self._db.close()

    def _sync(self, durable: bool) -> None:
        if durable is not self._synced:
            self._db.execute(f"pragma synchronous = {'full' if durable else 'normal'}")
            self._synced = durable

    async def _begin(self) -> None:
        """Begin a transaction; wait in the thread while another process has one."""
        if not _begin(self._db):
            await self.aside(lambda: _begin_patiently(self._db))


def _begin(db: sqlite3.Connection) -> bool:
    try:
        db.execute("begin immediate")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _begin_patiently(db: sqlite3.Connection) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while not _begin(db):
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError("database is locked")
        time.sleep(_RETRY_SECONDS)


def try_all(db: Connection, batch: list[Job]) -> None:
    """Run the writes of a transaction; what a failing one did is undone."""
    for job in batch:
        db.execute("savepoint job")
        try:
            job.result = job.write(db)
        except Exception as error:
            # A full disk ends the whole transaction, and with it the savepoint.
            if not db.in_transaction:
                raise
            db.execute("rollback to job")
            job.error = moving.told(error)
        db.execute("release job")
