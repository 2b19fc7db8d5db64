"""While a backup is made, or restored: a thread that keeps the registry's objects, and that nobody
else does the same.

Where that cannot be kept, since the process or the database stood still for too long, objects may
have gone that the backup was to have: then it is not finished.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from entrepot.db import hold
from entrepot.db.place import Place
from entrepot.upkeep import holder
from entrepot.upkeep.backup.vault import BackupError, BusyError

_LEASE = 120.0
_EACH = 15.0
"""Seconds between two renewals of the hold."""


class Held:
    """Keeps it, in a thread."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._name = holder.here()
        self._trouble = ""
        self._stopped = threading.Event()

    def is_good(self) -> bool:
        """Whether all objects are there still."""
        return not self._trouble

    def check(self) -> None:
        """Raise `BackupError` where they may not be."""
        if self._trouble:
            raise BackupError(f"{self._trouble}: run it again, it goes on from what is there")

    def take(self) -> None:
        """Begin. Raises `BusyError`, `sqlite3.Error`."""
        with closing(self._place.connect()) as db, db.exclusive():
            other = hold.take(db, self._name, _LEASE, holder.gone)
        if other is not None:
            raise BusyError(
                f"{self._place} is being backed up, or restored, by {holder.shown(other)}: wait "
                "for that; after a kill, two minutes"
            )

    def renew(self) -> None:
        """Go on keeping it until it is stopped."""
        kept_at = time.monotonic()
        while not self._stopped.wait(_EACH):
            try:
                with closing(self._place.connect()) as db, db.exclusive():
                    mine = hold.renew(db, self._name, _LEASE)
                if not mine:
                    self._trouble = "objects may have been deleted while they were being copied"
                    return
                kept_at = time.monotonic()
            except (OSError, sqlite3.Error) as error:
                if time.monotonic() - kept_at > _LEASE:
                    self._trouble = f"the deletion of objects could not be held off: {error}"
                    return

    def stop(self) -> None:
        """Let objects be deleted again."""
        self._stopped.set()
        try:
            with closing(self._place.connect()) as db, db.exclusive():
                hold.give_back(db, self._name)
        except (OSError, sqlite3.Error):  # it lapses
            pass


@contextmanager
def holding(place: Place) -> Iterator[Held]:
    """No object goes until the block ends. Raises `BusyError`."""
    held = Held(place)
    held.take()
    thread = threading.Thread(target=held.renew, name="entrepot-hold", daemon=True)
    thread.start()
    try:
        yield held
    finally:
        held.stop()
        thread.join()
