"""The turn: backups are made at once by as many as like; whoever prunes does so alone.

Each first leaves a file that says that they work, and then looks who else does: so of two that meet
at least one steps back. A file that was not renewed for a while is a dead one's, and is taken away;
so who stood still for that long finds it gone, and does not go on.
"""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

from entrepot.upkeep import holder
from entrepot.upkeep.backup.vault import BusyError, File, Vault, get

_FOLDER = "working"
_DEAD = 900.0
"""Seconds; the file is renewed each minute."""
_RENEW = 60.0


class Work(StrEnum):
    """What somebody does."""

    CREATE = "create"
    PRUNE = "prune"


class Turn:
    """A file that says that somebody works, and the thread that renews it."""

    def __init__(self, vault: Vault, work: Work) -> None:
        self.name = f"{_FOLDER}/{work}-{secrets.token_hex(4)}"
        self._vault = vault
        self._lost = False
        self._at = time.monotonic()
        self._stopped = threading.Event()

    def check(self) -> None:
        """Raise `BusyError` where another may have begun what this one is at odds with."""
        self._look()
        if self._lost or time.monotonic() - self._at > _DEAD - _RENEW:
            raise BusyError(
                f"others may have begun at {self._vault}, since nothing was heard from here for "
                f"{_DEAD / 60:.0f} minutes: run it again, it goes on from what is there"
            )

    def put(self) -> None:
        """Say it. Raises OSError."""
        at, words = time.monotonic(), holder.here().encode()
        self._vault.put(self.name, [words], len(words))
        self._at = at

    def renew(self) -> None:
        """Say it once a minute until it is stopped."""
        while not self._stopped.wait(_RENEW):
            with suppress(OSError):  # if that goes on `check` tells
                self._look()
                if self._lost:
                    return
                self.put()

    def stop(self) -> None:
        """Say it no more."""
        self._stopped.set()

    def _look(self) -> None:
        self._lost = self._lost or self._vault.size(self.name) is None


@contextmanager
def turn(vault: Vault, work: Work) -> Iterator[Turn]:
    """Have a turn, to be checked before what cannot be taken back. Raises `BusyError`."""
    mine = Turn(vault, work)
    try:
        mine.put()
    except OSError:
        next(vault.files(_FOLDER), None)  # a store says what is wrong more clearly when it is asked
        raise
    thread = threading.Thread(target=mine.renew, name="entrepot-turn", daemon=True)
    thread.start()
    try:
        _step_back(vault, mine.name, work)
        yield mine
    finally:
        mine.stop()
        thread.join()
        vault.delete([mine.name])


def _step_back(vault: Vault, name: str, work: Work) -> None:
    found = {each.name: each for each in vault.files(_FOLDER)}
    now = found[name].at
    for each in found.values():
        if each.name == name or not _at_odds(work, each):
            continue
        with suppress(FileNotFoundError):  # it has ended just now
            who = get(vault, each.name).decode(errors="replace")
            if each.at < now - _DEAD or holder.gone(who):
                vault.delete([each.name])
                continue
            raise _busy(vault, work, who)


def _busy(vault: Vault, work: Work, who: str) -> BusyError:
    what = (
        "backups are being made, or pruned," if work is Work.PRUNE else "backups are being pruned"
    )
    return BusyError(f"{what} at {vault} by {holder.shown(who)}: try again when that is over")


def _at_odds(work: Work, other: File) -> bool:
    return Work.PRUNE in (work, other.name.rpartition("/")[2].partition("-")[0])
