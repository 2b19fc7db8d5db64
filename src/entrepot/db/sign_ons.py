"""Sign-ons that wait to be picked up; each is picked up once, by whichever process is asked."""

import time
from dataclasses import dataclass

from entrepot.db.connection import Connection


@dataclass(frozen=True, slots=True)
class SignedOn:
    """A row."""

    account: int
    proof: str
    """The challenge that the secret of whoever began must answer."""


def add(db: Connection, code: str, account: int, proof: str, ends_at: float) -> None:
    """Have one wait until `ends_at`; those whose time is over go."""
    db.execute("delete from sign_on where ends_at < ?", (time.time(),))
    db.execute("insert into sign_on values (?, ?, ?, ?)", (code, account, proof, ends_at))


def waits(db: Connection, code: str) -> bool:
    """Whether one waits under this hash."""
    return db.execute("select 1 from sign_on where code = ?", (code,)).fetchone() is not None


def take(db: Connection, code: str) -> SignedOn | None:
    """Pick one up, by the hash of its code; it is gone, whatever becomes of it."""
    row = db.execute(
        "delete from sign_on where code = ? returning account, proof, ends_at", (code,)
    ).fetchone()
    return SignedOn(*row[:2]) if row and row[2] >= time.time() else None
