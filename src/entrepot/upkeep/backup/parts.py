"""Tables become parts: what has not changed since the backup before is taken over from it.

    the parts before   |  a  |  b  |  c  ...      each reaches behind the one before it,
    the table now      |  a  |  b' |  c  d        and the last one to the end

Rows that are not as they were are written anew, in parts of about a thousand. Next: `spool`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from entrepot.db import tables
from entrepot.db.connection import Connection
from entrepot.db.contents import Content
from entrepot.db.quarantine import Kind
from entrepot.db.stretches import WRITTEN_ONCE, Reading, Stretch
from entrepot.db.tables import Row, Table
from entrepot.upkeep.backup import rows
from entrepot.upkeep.backup.document import Part, Rows
from entrepot.upkeep.backup.reading import NAMING
from entrepot.upkeep.backup.spool import Spool

_ROWS = 1000
"""Of a part, about; of one that grew in its midst, half as many more at most."""
_FEW = 250
"""So many are a part of their own, since a small one is written again with what comes behind it."""
_UNLIKE = "backup: the parts of %s have %d rows, the table %d: it is written anew; please report it"

_log = logging.getLogger("entrepot.backup")


@dataclass(slots=True)
class Changed:
    """What is not as it was in the backup before."""

    parts: dict[str, list[Part]] = field(default_factory=dict)
    """By tables: parts of it that are good no more."""
    contents: list[Content] = field(default_factory=list)
    """What the rows name that take their place."""

    def forget(self, table: str, parts: list[Part]) -> None:
        """Begin anew with a table, of which none of these parts is good."""
        self.parts[table] = parts
        self.contents = [each for each in self.contents if each.kind != table]


class Parts:
    """The writing of all tables of one state of the database; `named` where it is to be known
    what changed rows name, which takes memory.
    """

    def __init__(
        self, db: Connection, spool: Spool, told: Callable[[int], None], *, named: bool
    ) -> None:
        self.changed = Changed()
        self._named = named
        self._db = db
        self._spool = spool
        self._told = told

    def of(self, table: Table, before: Iterable[Part]) -> Rows:
        """A table's parts, of which some were there before. Raises `EncryptionError`."""
        reading, old = Reading(self._db, table), list(before)
        there = rows.count(self._db, reading)
        made = self._made(reading, old, there)
        if (found := sum(part.rows for part in made)) != there:
            # Nothing may be missing in a backup because of what an earlier one has.
            _log.error(_UNLIKE, table.name, found, there)
            self.changed.forget(table.name, old)
            made = self._made(reading, [], there)
        highest = tables.highest(self._db, table) if table.counted else 0
        return Rows(sum(part.rows for part in made), highest, tuple(made))

    def _made(self, reading: Reading, before: list[Part], there: int) -> list[Part]:
        made, waiting = list[Part](), list[Row]()
        table, stretches = reading.table, list(_stretches(before))
        whole = _is_whole(reading, stretches, there)
        for old, stretch in stretches:
            if (
                old is not None
                and not waiting
                and stretch.upto is not None  # else it may have what is new
                and ((whole and old.mark) or reading.mark_unread(stretch) == old.mark)
            ):
                made.append(old)
                self._told(old.rows)
                continue
            pages = reading.pages(stretch, 2 * _ROWS)
            found = next(pages, [])
            if old is not None and not waiting and reading.mark(found) == old.mark and found:
                made.append(old)
                self._told(old.rows)
                continue
            if old is not None:
                self.changed.parts.setdefault(table.name, []).append(old)
            waiting += found
            for page in pages:
                *full, waiting = _cut([*waiting, *page], end=True)
                made += [self._write(reading, some) for some in full]
            if len(waiting) >= _FEW and stretch.upto is not None:
                made += [self._write(reading, some) for some in _cut(waiting, end=False)]
                waiting = []
        return made + [self._write(reading, some) for some in _cut(waiting, end=True)]

    def _write(self, reading: Reading, found: list[Row]) -> Part:
        table, columns = reading.table.name, reading.columns
        count, made = self._spool.part(rows.lines(self._db, table, columns, found))
        content = 0
        if table in NAMING:
            places = [columns.index(name) for name in ("id", "digest", "size")]
            named = [Content(Kind(table), *(row[i] for i in places)) for row in found]
            self.changed.contents += named if self._named else []
            content = sum(each.size for each in named)
        self._told(len(found))
        key, mark = reading.key(found[-1]), reading.mark(found)
        return Part(made.sha256, made.size, count, key, mark, content)


def _is_whole(reading: Reading, stretches: list[tuple[Part | None, Stretch]], there: int) -> bool:
    """Whether all parts that end are good, which is seen at once of rows that never change, of
    which so many are there.
    """
    ended = [(part, stretch) for part, stretch in stretches if part and stretch.upto is not None]
    if not ended or reading.table.name not in WRITTEN_ONCE:
        return False
    part, stretch = ended[-1]
    count = sum(each.rows for each, _ in ended)
    return (
        reading.mark_unread(stretch, part.rows) == part.mark
        and stretch.upto is not None
        and reading.is_whole(stretch.upto, count, there)
    )


def _stretches(before: list[Part]) -> Iterator[tuple[Part | None, Stretch]]:
    """Of the parts that were, and of what is new behind them; a last one that is small takes it."""
    after, small, old = None, None, before[:]
    if old and old[-1].rows < _FEW:
        small = old.pop()
    for part in old:
        yield part, Stretch(after, part.last)
        after = part.last
    yield small, Stretch(after, None)


def _cut(found: list[Row], *, end: bool) -> list[list[Row]]:
    """In pieces: at the end of a table full ones and the rest, in its midst even ones."""
    size = _ROWS
    if not end:
        count = -(-len(found) // (_ROWS + _ROWS // 2))
        size = -(-len(found) // max(count, 1)) or 1
    return [found[start : start + size] for start in range(0, len(found), size)]
