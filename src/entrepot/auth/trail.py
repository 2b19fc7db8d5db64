"""`Trail`: logins, denials and pulls on their way into the audit, in batches.

What is the same within a second becomes one row that counts. A process that is killed loses at
most what came within `SECONDS`; changes lose nothing, they are in the change's own transaction.
"""

import asyncio
import contextlib
import logging
import sqlite3
import time
from dataclasses import dataclass, field, replace
from functools import partial

from entrepot.db import accounts, audit, grants, secrets
from entrepot.db.audit import FAILED, NOBODY, Event
from entrepot.db.database import Database

SECONDS = 1.0
EARLY = 1000
"""Different events that make a batch be written at once."""
MOST = 50_000
"""Different events that are kept between two batches; of those beyond only the count is."""

_PAGE = 500

_log = logging.getLogger("entrepot.audit")


@dataclass(slots=True)
class _Used:
    """When accounts, secrets and grants were used last, by their rows."""

    accounts: dict[int, float] = field(default_factory=dict)
    secrets: dict[int, float] = field(default_factory=dict)
    grants: dict[int, float] = field(default_factory=dict)


class Trail:
    """Gathers events of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events: dict[object, Event] = {}
        self._used = _Used()
        self._lost = 0
        self._full = asyncio.Event()

    async def run(self) -> None:
        """Write batch after batch, until cancelled."""
        failing = False
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), SECONDS)
            try:
                await self.flush()
                failing = False
            except Exception:  # noqa: BLE001 - a task that dies is not seen, nor replaced
                if not failing:  # told once, not every second
                    _log.exception("the audit cannot be written; it is tried again")
                failing = True

    def note(self, event: Event) -> None:
        """Have it written soon."""
        by = event.by
        what = (event.action, event.repository, event.reference, event.digest, event.result)
        key = (by.actor, by.via, by.address, by.agent, what)
        known = self._events.get(key)
        if known is not None:
            self._events[key] = replace(known, times=known.times + event.times)
        elif len(self._events) < MOST:
            self._events[key] = replace(event, at=event.at or time.time())
        else:
            self._lost += 1
        if len(self._events) >= EARLY:
            self._full.set()

    def used(self, account: int | None, secret: int | None, grant: int | None = None) -> None:
        """Note that these were used just now."""
        now = time.time()
        if account is not None:
            self._used.accounts[account] = now
        if secret is not None:
            self._used.secrets[secret] = now
        if grant is not None:
            self._used.grants[grant] = now

    async def flush(self) -> None:
        """Write what has gathered; where that fails it is kept, and tried again."""
        self._full.clear()
        events, self._events = self._events, {}
        used, self._used = self._used, _Used()
        rows = list(events.values())
        if self._lost:
            rows.append(Event("audit overflow", NOBODY, result=FAILED, times=self._lost))
            self._lost = 0
        try:
            if used.accounts or used.secrets or used.grants:
                await self._database.note(partial(_note_use, used=used))
            while rows:
                await self._database.note(partial(_append, events=rows[:_PAGE]))
                rows = rows[_PAGE:]
        except BaseException:
            for event in rows:
                self.note(event)
            raise


def _append(db: sqlite3.Connection, events: list[Event]) -> None:
    for event in events:
        audit.append(db, event)


def _note_use(db: sqlite3.Connection, used: _Used) -> None:
    for number, at in used.accounts.items():
        accounts.saw(db, number, at)
    for number, at in used.secrets.items():
        secrets.used(db, number, at)
    for number, at in used.grants.items():
        grants.used(db, number, at)
