"""`End`: where a registry is, or goes; and what is wrong where one cannot move there."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from entrepot.blobstore.disk import folder_of
from entrepot.blobstore.place import Place as Storage
from entrepot.blobstore.store import Store
from entrepot.blobstore.stores import store_at
from entrepot.db import keyed, moving
from entrepot.db.connection import Connection
from entrepot.db.place import Place
from entrepot.db.tables import has_rows, tables
from entrepot.encryption.keys import Keyring


class MoveError(Exception):
    """The registry cannot be moved so; the message says why, and what to do."""


class TakenError(MoveError):
    """There is a registry already, which is left alone."""


@dataclass(frozen=True, slots=True)
class End:
    """One of the two ends of a move."""

    place: Place
    store: Store
    blobs: str
    """Where large blobs lie."""

    def __str__(self) -> str:
        return f"{self.place} and {self.blobs}"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that changes nothing; it reads all there is without a call for each page."""
        with closing(self.place.connect_to_read()) as db:
            if db.dialect == "sqlite":
                db.execute("pragma mmap_size = 1073741824")
            yield _patient(db)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection for transactions of one's own."""
        with closing(self.place.connect()) as db:
            yield _patient(db)


def end_at(place: Place, data: Path, storage: Storage | None, keyring: Keyring) -> End:
    """The database at a place, and the store that settings mean. Raises `StoreError`."""
    blobs = str(storage or folder_of(data).absolute())
    endpoint = f" at {storage.endpoint}" if storage is not None and storage.endpoint else ""
    return End(place, store_at(data, storage, keyring), blobs + endpoint)


def _patient(db: Connection) -> Connection:
    """One end waits while the other one works."""
    if db.dialect == "postgresql":
        db.execute("set statement_timeout = 0")
        db.execute("set idle_in_transaction_session_timeout = 0")
    return db


def check_source(source: End, seen_by_target: Place) -> None:
    """Raise where the source is no whole registry, or the target's keys do not open it."""
    if not source.place.exists():
        raise MoveError(f"there is no registry in {source.place}: name its folder with --data")
    with closing(seen_by_target.connect_to_read()) as db:
        moving.check(db)
        try:
            keyed.check(db)
        except keyed.WrongKeyError as error:
            raise MoveError(
                f"the target's settings need the encryption keys of the source: {error}"
            ) from None


def claim(target: End, name: str) -> None:
    """Mark an empty target as a copy of `name` that is not finished; raise where it holds anything
    else.
    """
    target.place.prepare()
    target.store.prepare()
    with target.writing() as db, db.exclusive():
        before = moving.unfinished(db)
        if before is None:
            if any(has_rows(db, table) for table in tables()):
                raise TakenError(f"{target.place} holds a registry already: name an empty database")
            moving.mark_unfinished(db, name)
        elif before != name:
            raise MoveError(
                f"{target.place} holds an unfinished copy of {before}: name an empty database"
            )
