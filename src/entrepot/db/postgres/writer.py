"""`PostgresWriter`: batches of writes, under the lock that all replicas share.

Before it commits, and still under the lock, it reads which changes came since its last time: so the
caches of this process have dropped them before anyone is told of the change. And nobody is told
before the other replicas have heard of it, too (`peers`).
"""

from collections.abc import Awaitable

from entrepot.db import changes
from entrepot.db.connection import Connection, UnavailableError
from entrepot.db.place import CHANNEL
from entrepot.db.postgres.connection import WRITES, PostgresConnection
from entrepot.db.postgres.log import HeardLog, Row
from entrepot.db.postgres.peers import Peers
from entrepot.db.postgres.server import Server
from entrepot.db.writer import Job, Writer, try_all

_PAGE = 1000


class PostgresWriter(Writer):
    """All statements run in the writer's thread, as each waits for the network."""

    def __init__(self, server: Server, log: HeardLog, peers: Peers) -> None:
        super().__init__()
        self._peers = peers
        self._server = server
        self._log = log
        self._db: PostgresConnection | None = None
        self._cursor: int | None = None

    async def commit(self, batch: list[Job], *, durable: bool) -> Awaitable[None] | None:
        """Run a batch in one transaction. Raises `UnavailableError` where the connection is lost,
        be it before the commit or while that was under way.
        """
        last = await self.aside(lambda: self._transact(batch, durable))
        return self._peers.heard(last) if last else None

    def _transact(self, batch: list[Job], durable: bool) -> int:
        """The id of the last change; 0 where there was none."""
        db = self._begun()
        try:
            if not durable:
                db.execute("set local synchronous_commit = off")
            if self._cursor is None:
                self._cursor = changes.newest(db)
            try_all(db, batch)
            came = _after(db, self._cursor) if durable else []
            if came:
                db.execute(f"select pg_notify('{CHANNEL}', '')")
            db.execute("commit")
        except BaseException:
            self._undo(db)
            raise
        if not came:
            return 0
        self._cursor = came[-1][0]
        self._log.feed(came)
        return self._cursor

    def _begun(self) -> PostgresConnection:
        """A transaction with the lock, on a new connection where the old one was cut meanwhile."""
        if self._db is not None and not self._db.raw.closed:
            try:
                return self._begin(self._db)
            except UnavailableError:
                self._db.close()
        self._db = self._server.connect()
        return self._begin(self._db)

    def _begin(self, db: PostgresConnection) -> PostgresConnection:
        db.execute("begin")
        try:
            db.execute(f"select pg_advisory_xact_lock({WRITES})")
        except UnavailableError:
            self._undo(db)
            raise
        return db

    def _undo(self, db: PostgresConnection) -> None:
        """Roll back; a connection that cannot even do that is given up."""
        try:
            if db.in_transaction:
                db.execute("rollback")
        except UnavailableError:
            db.close()

    def disconnect(self) -> None:
        """Close the connection."""
        if self._db is not None:
            self._db.close()


def _after(db: Connection, cursor: int) -> list[Row]:
    found: list[Row] = []
    while page := changes.after(db, cursor, _PAGE):
        found += page
        cursor = page[-1][0]
    return found
