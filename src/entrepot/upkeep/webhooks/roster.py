"""The roster: webhooks that are to be told, and how far the log of changes was read for each.

The log is read once for all of them. How far, is written down with the deliveries that came of it,
in one transaction, and now and then where none came; so what was read twice is put in line once.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from entrepot.auth import pattern
from entrepot.db import deliveries, webhook_lines, webhooks
from entrepot.db.changes import Row, Wanted
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.webhooks import Webhook
from entrepot.upkeep.follower import fronts, window
from entrepot.upkeep.locked import Locked
from entrepot.upkeep.webhooks import message

_BATCH = 200
"""Deliveries that one transaction puts in line, or a few more."""
MOST_WAITING = 100_000
"""Deliveries of one webhook that wait: beyond them the log is read no further for it."""

_LOCKED = "webhook %s cannot be opened, and is sent nothing: %s"

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
    _locked: Locked = field(default_factory=partial(Locked, _log, _LOCKED))

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
        numbers = webhooks.ids(db)
        found = [self._locked.opened(number, webhooks.find(db, number)) for number in numbers]
        active = [hook for hook in found if hook is not None and not hook.paused]
        waits, most = webhook_lines.webhooks(db), MOST_WAITING
        return [
            (hook, hook.id in waits and deliveries.waiting(db, hook.id, most) >= most)
            for hook in active
        ]

    async def _note(self) -> None:
        behind: dict[int, list[Member]] = defaultdict(list)
        for member in self.members.values():
            if member.cursor > member.noted:
                behind[member.cursor].append(member)
        for cursor, some in behind.items():  # mostly one, however many they are
            numbers = [each.hook.id for each in some]
            await self.database.note(partial(webhooks.move, numbers=numbers, cursor=cursor))
            for each in some:
                each.noted = cursor

    async def forward(self) -> bool:
        """Put in line what came since the last time; whether there may be more."""
        cursors = [member.cursor for member in self.members.values() if not member.full]
        return any([await self._window(each) for each in fronts(cursors)])

    async def _window(self, cursor: int) -> bool:
        """Take up some rows of the log, for all who have come to where they begin."""
        rows, end, is_last = await self.database.read(partial(window, cursor=cursor))
        reached = [
            member
            for member in self.members.values()
            if cursor <= member.cursor < end and not member.full
        ]
        for some in _batches(reached, rows):
            enlist = partial(deliveries.enlist, cursor=end, wanted=some, now=time.time())
            await self.database.note(enlist)
            for number in some:
                self.members[number].cursor = self.members[number].noted = end
        for member in reached:
            member.cursor = end
        return not is_last


def _batches(members: list[Member], rows: list[Row]) -> Iterator[deliveries.Wanted]:
    """What they are to be told of, a little for each transaction."""
    batch, size = dict[str, list[tuple[int, str]]](), 0
    for member in members:
        if found := [(row.id, row.repository) for row in rows if member.wants(row)]:
            batch[member.hook.id] = found
            size += len(found)
        if size >= _BATCH:
            yield batch
            batch, size = {}, 0
    if batch:
        yield batch
