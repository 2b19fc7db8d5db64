"""Keys and secrets that are good for nothing any more are forgotten."""

import time
from functools import partial

from entrepot.db import keys, secrets
from entrepot.db.audit import By, Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.database import Database

SLACK = 60
"""Seconds that a retired key is kept beyond the longest life of what it signed."""

KEPT = 30 * 24 * 3600
"""Seconds for which a secret that has ended is still shown."""

_BY = By("entrepot", via="upkeep")


async def forget(database: Database, token_seconds: float) -> None:
    """Forget keys of which every token has ended, and secrets that ended long ago."""
    now = time.time()
    before = now - token_seconds - SLACK
    every = await database.read(keys.every)
    if any(each.retired_at and each.retired_at < before for each in every):
        await database.write(partial(_forget, before=before))
    await database.note(partial(secrets.expire, before=now - KEPT))


def _forget(db: Connection, before: float) -> None:
    """All processes drop it from their caches: who stole such a key signs nothing more."""
    if count := keys.forget(db, before):
        record_access(db, Event("key forget", _BY, detail={"keys": count}))
