"""`Listener`: hears of what other replicas write, by LISTEN; and knows when it does not.

Now and then it asks without any news, so that a connection that was cut without a word shows. Where
the last answer is too old the log is not current, whatever the thread is stuck in: who follows the
log sees that, and a watchdog on the event loop. How far it has heard it tells the others (`peers`).
"""

import asyncio
import logging
import threading
import time
from contextlib import closing

import psycopg

from entrepot.db import changes
from entrepot.db.connection import UnavailableError
from entrepot.db.place import CHANNEL
from entrepot.db.postgres.connection import PostgresConnection, dbapi
from entrepot.db.postgres.log import HeardLog
from entrepot.db.postgres.peers import Peers
from entrepot.db.postgres.server import Server

BEAT = 0.5
"""Seconds between two questions where there is no news."""
_LOOK = 0.25
_PAGE = 1000

_log = logging.getLogger("entrepot.db")


class Listener:
    """A thread with a connection of its own."""

    def __init__(self, server: Server, log: HeardLog, peers: Peers) -> None:
        self._server = server
        self._heard = log
        self._peers = peers
        self._news = True
        self._cursor: int | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="entrepot-listener", daemon=True)

    def start(self) -> "asyncio.Task[None]":
        """Begin to listen, and to watch; the task of the watchdog."""
        self._thread.start()
        return asyncio.create_task(self._watch())

    def close(self) -> None:
        """Stop; comes back once the thread has ended, or is stuck on the network."""
        self._closing.set()
        self._thread.join(2 * BEAT)

    async def _watch(self) -> None:
        while True:
            try:
                self._look()
            except Exception:  # noqa: BLE001 - a dead task is not seen, nor replaced
                _log.exception("what changed could not be told here; it is tried again")
            await asyncio.sleep(_LOOK)

    def _look(self) -> None:
        if self._heard.alive and not self._heard.current:
            self._heard.regain()
        self._heard.follow()  # else it would pile up where nobody asks for days

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with closing(self._server.connect()) as db:
                    self._listen(db)
            except (UnavailableError, psycopg.Error) as error:
                told = dbapi(error) if isinstance(error, psycopg.Error) else error
                _log.warning("cannot listen for changes: %s; it is tried again", told)
                self._closing.wait(BEAT / 2)
            except Exception:  # noqa: BLE001 - a thread that dies is not seen, nor replaced
                _log.exception("listening for changes failed; it is tried again")
                self._closing.wait(BEAT)

    def _listen(self, db: PostgresConnection) -> None:
        db.execute(f"listen {CHANNEL}")
        self._news = True
        while not self._closing.is_set():
            now = time.monotonic()
            wait = self._heard.asked_at + BEAT - now
            if self._news or wait <= 0:
                self._news = False
                self._read(db)
                self._tell(db, self._peers.word(self._cursor or 0))
                self._heard.asked_at, wait = now, BEAT
            for note in db.raw.notifies(timeout=wait, stop_after=1):
                self._take(note)
        self._tell(db, self._peers.bye())

    def _take(self, note: psycopg.Notify) -> None:
        if not self._peers.take(note.payload):
            self._news = True

    def _tell(self, db: PostgresConnection, word: str) -> None:
        db.execute("select pg_notify(?, ?)", (CHANNEL, word))

    def _read(self, db: PostgresConnection) -> None:
        if self._cursor is None:
            self._cursor = changes.newest(db)
        while page := changes.after(db, self._cursor, _PAGE):
            self._heard.feed(page)
            self._cursor = page[-1][0]
