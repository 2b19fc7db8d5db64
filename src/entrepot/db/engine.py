"""Connections to SQLite, and a schema for them.

WAL mode: readers never wait for the writer. Next: `db.sqlite`, which serves from them.
"""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from entrepot.db import schema
from entrepot.db.schema import VERSION, SchemaError
from entrepot.encryption.keys import NO_KEYS, Keyring

FILE = "entrepot.sqlite"

BUSY_SECONDS = 30
"""How long a write waits for the other processes' writes."""

_log = logging.getLogger("entrepot.db")


class SQLite(sqlite3.Connection):
    """A `Connection`."""

    keyring: Keyring = NO_KEYS
    dialect = "sqlite"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """A transaction beside which no other process writes; what raises in it undoes it."""
        self.execute("begin immediate")
        try:
            yield
            self.execute("commit")
        except BaseException:
            if self.in_transaction:
                self.execute("rollback")
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A transaction that sees one state of the database, and writes nothing."""
        self.execute("begin")
        try:
            yield
        finally:
            if self.in_transaction:
                self.execute("rollback")


def connect(folder: Path, keyring: Keyring = NO_KEYS) -> SQLite:
    """A connection in autocommit mode, to be used by one thread at a time."""
    db = sqlite3.connect(
        folder / FILE,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=SQLite,
        cached_statements=256,
    )
    db.keyring = keyring
    db.execute("pragma journal_mode = wal")
    db.execute("pragma foreign_keys = on")
    # FULL syncs the log at every commit: what was answered with 201 survives a power cut.
    db.execute("pragma synchronous = full")
    # What is deleted, or replaced by what is encrypted, is not left in the file to be read.
    db.execute("pragma secure_delete = on")
    db.execute("pragma mmap_size = 33554432")
    # 16 MiB of log between two checkpoints, which sync the database as well as the log.
    db.execute("pragma wal_autocheckpoint = 4000")
    return db


def connect_to_read(folder: Path, keyring: Keyring = NO_KEYS) -> SQLite:
    """A connection that changes nothing. Raises `SchemaError`."""
    uri = f"{(folder / FILE).absolute().as_uri()}?mode=ro"
    db = sqlite3.connect(
        uri,
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=SQLite,
    )
    db.keyring = keyring
    try:
        found = version(db)
        if found != VERSION:
            raise _unknown_version(folder, found)
    except BaseException:
        db.close()
        raise
    return db


def version(db: sqlite3.Connection) -> int:
    """Of the schema; 0 where there is none."""
    found: int = db.execute("pragma user_version").fetchone()[0]
    return found


def prepare(folder: Path) -> None:
    """Make the folder and the schema, or what an older one lacks. Raises `SchemaError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Of several processes starting, one makes it. SQLite's own locks are not enough: who turns
        # WAL on while another does gets "database is locked" at once.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with closing(connect(folder)) as db:
            found = version(db)
            if found > VERSION:
                raise _unknown_version(folder, found)
            if found == 0:
                _make(db)
            elif found < VERSION:
                _upgrade(folder, db, found)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(db: SQLite) -> None:
    with db.exclusive():
        schema.make(db)
        db.execute(f"pragma user_version = {VERSION}")


def _upgrade(folder: Path, db: SQLite, found: int) -> None:
    """Keep a copy of the file as it was, then migrate it."""
    kept = folder / f"{FILE}.v{found}"
    with closing(sqlite3.connect(kept)) as copy:
        db.backup(copy)
    kept.chmod(0o600)
    text = "the database has schema %d and is upgraded to %d; %s is as it was"
    _log.info(text, found, VERSION, kept)
    from entrepot.db.migrations import migrate

    after = f"pragma user_version = {VERSION}"
    migrate("sqlite", lambda: connect(folder), found, "begin immediate", after)


def _unknown_version(folder: Path, found: int) -> SchemaError:
    return SchemaError(
        f"{folder.absolute() / FILE} has schema {found}, this Entrepot knows {VERSION}: "
        + (
            "run the version that wrote it"
            if found > VERSION
            else "run entrepot db upgrade, or start its server once, which renews it"
        )
    )
