"""The turn: backups are made at once by as many as like; whoever prunes does so alone.

Each first leaves a file that says that they work, and then looks who else does: so of two that meet
at least one steps back. A file that was not renewed for a while is a dead one's.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

from entrepot.upkeep import holder
from entrepot.upkeep.backup.vault import BusyError, File, Vault, get

_FOLDER = "working"
_DEAD = 900.0
"""Seconds; the file is renewed each minute."""
RENEW = 60.0


class Work(StrEnum):
    """What somebody does."""

    CREATE = "create"
    PRUNE = "prune"


@contextmanager
def turn(vault: Vault, work: Work) -> Iterator[Callable[[], None]]:
    """Have a turn; what is given renews it, to be called once a minute. Raises `BusyError`."""
    name, words = f"{_FOLDER}/{work}-{secrets.token_hex(4)}", holder.here().encode()

    def renew() -> None:
        vault.put(name, [words], len(words))

    try:
        renew()
    except OSError:
        next(vault.files(_FOLDER), None)  # a store says what is wrong more clearly when it is asked
        raise
    try:
        _check(vault, name, work)
        yield renew
    finally:
        vault.delete([name])


def _check(vault: Vault, name: str, work: Work) -> None:
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
