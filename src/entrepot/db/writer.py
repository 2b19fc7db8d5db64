"""The writer: one thread per process through which every write goes.

Whatever has gathered while a commit was being synced shares the next one (group commit), each
write in a savepoint of its own, so that one that fails takes no other with it. A write that is
only bookkeeping of uploads need not survive a power cut, and a batch of such writes is
committed without a sync; a later durable commit syncs it too, since SQLite syncs the whole log.
"""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from entrepot.db.engine import connect
from entrepot.db.generation import Generation

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]

MAX_BATCH = 256
"""Writes of one transaction: more would make the first of them wait too long."""

_log = logging.getLogger("entrepot.db")


@dataclass(slots=True)
class _Job:
    write: Write[Any]
    durable: bool
    answer: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer(threading.Thread):
    """Runs writes in the order in which they came."""

    def __init__(self, folder: Path, generation: Generation) -> None:
        super().__init__(name="entrepot-writer", daemon=True)
        self._folder = folder
        self._generation = generation
        self._jobs: list[_Job] = []
        self._wake = threading.Condition()
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self.start()

    def submit(self, write: Write[T], *, durable: bool = True) -> "asyncio.Future[T]":
        """What `write` returns, once it is committed. Call it on the event loop.

        The write goes on when nobody waits for the answer any more.
        """
        job = _Job(write, durable, self._loop.create_future())
        with self._wake:
            if self._closing:
                raise RuntimeError("the writer is closed")
            self._jobs.append(job)
            self._wake.notify()
        return job.answer

    def close(self) -> None:
        """Finish what was submitted, then end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self.join()

    def run(self) -> None:
        """The thread's life."""
        db = connect(self._folder)
        synced = True
        try:
            while batch := self._next():
                durable = any(job.durable for job in batch)
                if durable is not synced:
                    db.execute(f"pragma synchronous = {'full' if durable else 'normal'}")
                    synced = durable
                self._commit(db, batch)
                self._loop.call_soon_threadsafe(_answer, batch)
        finally:
            db.close()

    def _next(self) -> list[_Job]:
        with self._wake:
            while not self._jobs and not self._closing:
                self._wake.wait()
            batch, self._jobs = self._jobs[:MAX_BATCH], self._jobs[MAX_BATCH:]
        return batch

    def _commit(self, db: sqlite3.Connection, batch: list[_Job]) -> None:
        try:
            db.execute("begin immediate")
            for job in batch:
                _try(db, job)
            db.execute("commit")
        except Exception as error:  # noqa: BLE001 - it is raised again where the answers are awaited
            _log.error("a transaction failed: %s", error)
            if db.in_transaction:
                db.execute("rollback")
            for job in batch:
                job.error = error
        else:
            if any(job.durable for job in batch):  # bookkeeping of uploads changes no repository
                self._generation.bump()


def _try(db: sqlite3.Connection, job: _Job) -> None:
    """Run one write; what it did is undone if it fails."""
    db.execute("savepoint job")
    try:
        job.result = job.write(db)
    except Exception as error:
        # A full disk ends the whole transaction, and with it the savepoint.
        if not db.in_transaction:
            raise
        db.execute("rollback to job")
        job.error = error
    db.execute("release job")


def _answer(batch: list[_Job]) -> None:
    for job in batch:
        if job.answer.done():
            continue
        if job.error is not None:
            job.answer.set_exception(job.error)
        else:
            job.answer.set_result(job.result)
