"""The roster: webhooks that are to be told, and how far the log of changes was read for each.

The log is read once for all of them. How far, is written down with the deliveries that came of it,
in one transaction, and now and then where none came; so what was read twice is put in line once.
"""

import logging
import time
from dataclasses import dataclass, field
from functools import partial

from entrepot.auth import pattern
from entrepot.db import changes, deliveries, webhooks
from entrepot.db.changes import Row, Wanted
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.webhooks import Webhook
from entrepot.encryption.keys import EncryptionError
from entrepot.upkeep.webhooks import message

_WINDOW = 500
"""Rows of the log that are read at once."""
MOST_WAITING = 100_000
"""Deliveries of one webhook that wait: beyond them the log is read no further for it."""

_EVERYTHING = Wanted((("", "\U0010ffff"),))

_log = logging.getLogger("entrepot.webhooks")


@dataclass(slots=True)
class Member:
    """A webhook that is to be told."""

    hook: Webhook
    cursor: int
    """How far the log was read."""
    noted: int
    """How far that is written down."""
    wanted: Wanted
    full: bool = False
    """Whether enough waits already."""

    def wants(self, row: Row) -> bool:
        """Whether it is to be told of a row."""
        return row.id > self.cursor and self.wanted.means(row.kind, row.repository)


@dataclass(slots=True)
class Roster:
    """Those that are not paused, by id."""

    database: Database
    members: dict[str, Member] = field(default_factory=dict)
    _broken: set[str] = field(default_factory=set)

    async def learn(self) -> None:
        """Read anew who they are, and note how far the log was read for each."""
        await self._note()
        found = await self.database.scan(self._read)
        before = self.members
        self.members = {}
        for hook, full in found:
            cursor = max(hook.cursor, before[hook.id].cursor) if hook.id in before else hook.cursor
            ranges = tuple(pattern.ranges([hook.pattern]))
            wanted = Wanted(ranges, kinds=message.kinds(hook))
            self.members[hook.id] = Member(hook, cursor, hook.cursor, wanted, full)

    def _read(self, db: Connection) -> list[tuple[Webhook, bool]]:
        found = [self._find(db, number) for number in webhooks.ids(db)]
        active = [hook for hook in found if hook is not None and not hook.paused]
        most = MOST_WAITING
        return [(hook, deliveries.waiting(db, hook.id, most) >= most) for hook in active]

    def _find(self, db: Connection, number: str) -> Webhook | None:
        try:
            return webhooks.find(db, number)
        except EncryptionError as error:
            if number not in self._broken:  # told once
                self._broken.add(number)
                _log.error("webhook %s cannot be opened, and is sent nothing: %s", number, error)
            return None

    async def _note(self) -> None:
        for member in self.members.values():
            if member.cursor > member.noted:
                move = partial(webhooks.move, number=member.hook.id, cursor=member.cursor)
                await self.database.note(move)
                member.noted = member.cursor

    async def forward(self) -> bool:
        """Put in line what came since the last time; whether there may be more."""
        behind = [member for member in self.members.values() if not member.full]
        if not behind:
            return False
        read = partial(
            changes.following,
            cursor=min(member.cursor for member in behind),
            wanted=_EVERYTHING,
            limit=_WINDOW,
            window=_WINDOW,
        )
        rows, end, is_last = await self.database.read(read)
        for member in behind:
            if member.cursor < end:
                await self._enlist(member, rows, end)
        return not is_last

    async def _enlist(self, member: Member, rows: list[Row], end: int) -> None:
        found = [(row.id, row.repository) for row in rows if member.wants(row)]
        if found:
            enlist = partial(
                deliveries.enlist,
                webhook=member.hook.id,
                cursor=end,
                found=found,
                now=time.time(),
            )
            await self.database.note(enlist)
            member.noted = end
        member.cursor = end
