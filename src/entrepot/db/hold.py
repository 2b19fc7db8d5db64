"""The hold: while somebody copies objects, none is deleted from the store.

It is a row among the jobs, leased like theirs, so everybody sees it, and it lapses where its holder
dies. Rows may come and go meanwhile: what they stop naming waits among the garbage (`db.pieces`).
"""

import time
from collections.abc import Callable

from entrepot.db.clocks import APART
from entrepot.db.connection import Connection
from entrepot.db.jobs import State

NAME = "backup"
_ABOUT = "Copies all there is into a backup; no object is deleted meanwhile."


def take(db: Connection, holder: str, seconds: float, is_gone: Callable[[str], bool]) -> str | None:
    """Take the hold for so long; where another has it, who."""
    now = time.time()
    row = db.execute(
        "select holder from job where name = ? and lease_until between ? and ?",
        (NAME, now, now + APART),
    ).fetchone()
    if row and not is_gone(row[0]):
        return str(row[0])
    db.execute("delete from job where name = ?", (NAME,))
    db.execute(
        "insert into job (name, about, state, holder, lease_until, started_at) "
        "values (?, ?, ?, ?, ?, ?)",
        (NAME, _ABOUT, State.RUNNING.value, holder, now + seconds, now),
    )
    return None


def renew(db: Connection, holder: str, seconds: float) -> bool:
    """Keep it for so long; False where it lapsed, and objects may have gone."""
    now = time.time()
    changed = db.execute(
        "update job set lease_until = ? where name = ? and holder = ? and lease_until >= ?",
        (now + seconds, NAME, holder, now),
    )
    return changed.rowcount == 1


def give_back(db: Connection, holder: str) -> None:
    """Let objects be deleted again."""
    db.execute("delete from job where name = ? and holder = ?", (NAME, holder))
