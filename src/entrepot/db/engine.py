"""Connections to SQLite, and the schema's version.

WAL mode: readers never wait for the writer. Next: `db.writer`, and one file per noun.
"""

import fcntl
import os
import sqlite3
from importlib import resources
from pathlib import Path

from entrepot.encryption.keys import NO_KEYS, Keyring

SCRIPTS = ("schema.sql", "accounts.sql", "storage.sql")
"""Version n of the schema is what the first n of them make."""

SCHEMA_VERSION = len(SCRIPTS)
FILE = "entrepot.sqlite"

BUSY_SECONDS = 30
"""How long a write waits for the other processes' writes."""


class SchemaError(Exception):
    """The database was made by another version of Entrepot."""


class SQLite(sqlite3.Connection):
    """A `Connection`, with the keys of what lies encrypted in rows."""

    keyring: Keyring = NO_KEYS


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
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, factory=SQLite)
    db.keyring = keyring
    try:
        version = db.execute("pragma user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            raise _unknown_version(folder, version)
    except BaseException:
        db.close()
        raise
    return db


def prepare(folder: Path) -> None:
    """Make the folder and the schema, or what an older one lacks. Raises `SchemaError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Of several processes starting, one makes it. SQLite's own locks are not enough: who turns
        # WAL on while another does gets "database is locked" at once.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _make(folder)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(folder: Path) -> None:
    db = connect(folder)
    try:
        db.execute("begin immediate")
        version = db.execute("pragma user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise _unknown_version(folder, version)
        for script in SCRIPTS[version:]:
            text = resources.files(__package__).joinpath(script).read_text("utf-8")
            for statement in _statements(text):
                db.execute(statement)
        db.execute(f"pragma user_version = {SCHEMA_VERSION}")
        db.execute("commit")
    finally:
        db.close()


def _unknown_version(folder: Path, version: int) -> SchemaError:
    newer = version > SCHEMA_VERSION
    return SchemaError(
        f"{folder.absolute() / FILE} has schema {version}, this Entrepot knows {SCHEMA_VERSION}: "
        + ("run the version that wrote it" if newer else "start its server once, which renews it")
    )


def _statements(script: str) -> list[str]:
    """`executescript` would commit before it starts, so the statements are told apart here."""
    found, statement = [], ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found
