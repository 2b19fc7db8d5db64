"""`Trail`: logins, denials and pulls on their way into the audit, in batches.

What is the same within a second becomes one row that counts. A process that is killed loses what
came within `SECONDS` and the batch under way; changes lose nothing, for they are written in their
own transactions.
"""

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field, replace
from functools import partial

from entrepot.auth.actor import Actor
from entrepot.auth.roles import Action
from entrepot.db import accounts, audit, grants, retention, secrets
from entrepot.db.audit import FAILED, NOBODY, By, Event
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.observe.logs import surprise

SECONDS = 1.0
EARLY = 1000
"""Different events that make a batch be written at once."""
MOST = 50_000
"""Different events that are kept between two batches; of those beyond only the count is."""

_PAGE = 200
"""Rows of one transaction: they are made on the event loop, at 10 µs each."""

_log = logging.getLogger("entrepot.audit")


@dataclass(slots=True)
class _Noted:
    """The first of equal events, and how many there were."""

    event: Event
    at: float
    times: int

    def read(self) -> Event:
        return replace(self.event, at=self.at, times=self.times)


@dataclass(slots=True)
class _Pull:
    """The first of equal pulls, and how many there were."""

    actor: Actor
    address: str
    agent: bytes
    request: str
    repository: str
    target: bytes
    digest: str
    at: float
    times: int

    def read(self) -> Event:
        actor, agent = self.actor, self.agent.decode("latin-1")
        by = By(actor.subject, actor.via, self.address, agent, self.request, actor.detail)
        reference = self.target.partition(b"?")[0].rpartition(b"/")[2].decode("latin-1")
        tag = "" if ":" in reference else reference
        action = Action.PULL.value
        at, times = self.at, self.times
        return Event(action, by, self.repository, tag, self.digest, at=at, times=times)


@dataclass(slots=True)
class _Used:
    """When accounts, secrets and grants were used last, by their rows."""

    accounts: dict[int, float] = field(default_factory=dict)
    secrets: dict[int, float] = field(default_factory=dict)
    grants: dict[int, float] = field(default_factory=dict)
    manifests: dict[tuple[str, str], float] = field(default_factory=dict)
    """By repository and digest."""


class Trail:
    """Gathers events of one process."""

    def __init__(self, database: Database, seconds: float = SECONDS) -> None:
        self._database = database
        self._seconds = seconds
        """Between two batches."""
        self._kept: dict[object, _Noted | _Pull] = {}
        self._used = _Used()
        self._lost = 0
        self._full = asyncio.Event()

    async def run(self) -> None:
        """Write batch after batch, until cancelled."""
        failing = False
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):  # wait_for may swallow a cancelling
                    await self._full.wait()
            try:
                await self.flush()
                failing = False
            except Exception as error:  # noqa: BLE001 - a dead task is not seen, nor replaced
                if not failing:  # told once, not every second
                    text = "the audit cannot be written: %s; it is tried again"
                    _log.error(text, error, exc_info=surprise(error))
                failing = True
                await asyncio.sleep(self._seconds)

    async def close(self) -> None:
        """Write what is left; where that fails there is nobody to try again."""
        try:
            await self.flush()
        except Exception as error:  # noqa: BLE001 - the database has to be closed all the same
            text = "the last %d events could not be written to the audit: %s"
            _log.error(text, len(self._kept), error, exc_info=surprise(error))

    def note(self, event: Event) -> None:
        """Have it written soon."""
        by = event.by
        words = (event.action, event.repository, event.reference, event.digest, event.result)
        details = repr(by.detail), repr(event.detail)
        key = (by.actor, by.via, by.address, by.agent, words, details)
        known = self._kept.get(key)
        if known is not None:
            known.times += event.times
        elif self._room(event.times):
            self._kept[key] = _Noted(event, event.at or time.time(), event.times)

    def pulled(  # noqa: PLR0917 - it is called at every request
        self,
        actor: Actor,
        address: str,
        agent: bytes,
        request: str,
        repository: str,
        target: bytes,
        digest: str,
    ) -> None:
        """The same for a pull, which costs next to nothing when it is like one just before."""
        key = (id(actor), address, agent, target, digest)
        known = self._kept.get(key)
        if known is not None:
            known.times += 1
        elif self._room(1):
            pull = _Pull(actor, address, agent, request, repository, target, digest, time.time(), 1)
            self._kept[key] = pull

    def seen(self, repository: str, digest: str) -> None:
        """Note a pull that nobody has to answer for, of what anyone may have."""
        self._used.manifests[repository, digest] = time.time()

    def _room(self, times: int) -> bool:
        if len(self._kept) >= MOST:
            self._lost += times
            return False
        if len(self._kept) >= EARLY:
            self._full.set()
        return True

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
        kept, self._kept = self._kept, {}
        used, self._used = self._used, _Used()
        for each in kept.values():
            if isinstance(each, _Pull) and b"/manifests/" in each.target:
                used.manifests[each.repository, each.digest] = time.time()
        rows = sorted((each.read() for each in kept.values()), key=lambda event: event.at)
        if self._lost:
            rows.append(Event("audit overflow", NOBODY, result=FAILED, times=self._lost))
            self._lost = 0
        try:
            while rows:
                page, rows = rows[:_PAGE], rows[_PAGE:]
                await self._append(page)
            if used.accounts or used.secrets or used.grants or used.manifests:
                await self._database.note(partial(_note_use, used=used))
        except BaseException:
            for event in rows:
                self.note(event)
            raise

    async def _append(self, page: list[Event]) -> None:
        """A write that was submitted is done, even if whoever waits for it is cancelled."""
        try:
            await self._database.write(lambda db: audit.append(db, *page))
        except Exception:
            for event in page:
                self.note(event)
            raise


def _note_use(db: Connection, used: _Used) -> None:
    for number, at in used.accounts.items():
        accounts.saw(db, number, at)
    for number, at in used.secrets.items():
        secrets.used(db, number, at)
    for number, at in used.grants.items():
        grants.used(db, number, at)
    for (repository, digest), at in used.manifests.items():
        retention.used(db, repository, digest, at)
