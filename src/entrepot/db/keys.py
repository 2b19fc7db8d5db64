"""The keys that sign registry tokens. The newest one that is not retired signs; all verify."""

import time
from dataclasses import dataclass

from entrepot.db import sealed
from entrepot.db.connection import Connection
from entrepot.db.sealed import Sealed


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A row; times are seconds since 1970."""

    id: str
    private: str
    """PEM."""
    created_at: float
    retired_at: float | None = None


def every(db: Connection) -> list[SigningKey]:
    """All keys, the newest first."""
    rows = db.execute(
        "select id, private, key, created_at, retired_at from signing_key "
        "order by created_at desc, id"
    )
    return [
        SigningKey(name, sealed.unseal_text(db, (Sealed.SIGNING_KEY, name), private, key), *times)
        for name, private, key, *times in rows
    ]


def add(db: Connection, key: SigningKey) -> None:
    """Keep a new key; those before it sign no more."""
    db.execute("update signing_key set retired_at = ? where retired_at is null", (time.time(),))
    db.execute(
        "insert into signing_key (id, private, key, created_at) values (?, ?, ?, ?)",
        (key.id, *sealed.seal_text(db, (Sealed.SIGNING_KEY, key.id), key.private), key.created_at),
    )


def forget(db: Connection, before: float) -> int:
    """Delete keys that were retired before `before`: what they signed has ended."""
    return db.execute("delete from signing_key where retired_at < ?", (before,)).rowcount
