"""The chain of the audit, verified: which rows were altered, and which are missing.

Ids are never used twice, so rows missing at the end show too. What it cannot show: whoever can
write the database can chain all rows anew. Against that stands a head that was noted elsewhere.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from entrepot.db.audit import COLUMNS, EXPIRED, NEWEST, Link, chained, marked, start
from entrepot.db.connection import Connection
from entrepot.db.engine import SQLite

_PAGE = 200
_ACTION, _DETAIL = 7, 12

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one transaction saw."""

    page: list[Row]
    start: Link
    before: int
    """Rows that stand before the start, where none may be."""
    newest: int
    """The highest id that was ever given, as SQLite counts."""


class Chain:
    """One walk along the chain, page by page, so that it holds up neither writes nor retention."""

    def __init__(
        self, connect: Callable[[], Connection], trusted: Link | None = None, pause: float = 0
    ) -> None:
        self._connect = connect
        self._trusted = trusted
        self._pause = pause
        """Seconds after each page, which let others have the interpreter."""
        self.rows = 0
        """How many were looked at."""
        self.head: Link = (0, "")
        """The last of them."""
        self._taken = 0
        """Up to which row retention says that it took all."""

    def faults(self) -> Iterator[str]:
        """What is wrong, in words; nothing where all is as it was written.

        Takes a second for 100,000 rows, so it wants a thread. Raises `SchemaError`.
        """
        with closing(self._connect()) as db:
            if isinstance(db, SQLite):
                db.text_factory = lambda text: text.decode(errors="surrogateescape")
            sight = self._look(db)
            yield from self._compare(sight.start)
            while sight.page:
                for row in sight.page:
                    yield from self._step(row)
                time.sleep(self._pause)
                sight = self._look(db)
            yield from self._end(sight)

    def _look(self, db: Connection) -> _Sight:
        """The next rows; what retention took meanwhile is passed over."""
        with db.snapshot():
            return self._see(db)

    def _see(self, db: Connection) -> _Sight:
        first = start(db)
        if first[0] >= self.head[0]:
            self.head = first
        query = f"select {COLUMNS}, hash from audit where id > ? order by id limit ?"
        page = db.execute(query, (self.head[0], _PAGE)).fetchall()
        before = db.execute("select count(*) from audit where id <= ?", (first[0],)).fetchone()[0]
        return _Sight(page, first, before, newest(db))

    def _step(self, row: Row) -> Iterator[str]:
        number, before = self.head
        *words, found = row
        if row[0] != number + 1:
            yield f"rows {number + 1} to {row[0] - 1} are missing"
        elif chained(before, tuple(words)) != found:
            yield f"row {row[0]} does not follow from the one before: one of the two was altered"
        if row[_ACTION] == EXPIRED:
            self._taken = _last(row[_DETAIL])
        self.rows += 1
        self.head = row[0], found
        yield from self._compare(self.head)

    def _compare(self, link: Link) -> Iterator[str]:
        """With the head that was noted elsewhere."""
        if self._trusted and link[0] == self._trusted[0] and link[1] != self._trusted[1]:
            yield f"row {link[0]} is not the one that was noted: it, or what is before, was altered"

    def _end(self, sight: _Sight) -> Iterator[str]:
        """What only shows when all rows were seen."""
        last, first = self.head[0], sight.start[0]
        noted = self._trusted[0] if self._trusted else last
        newest = max(sight.newest, noted)
        if newest > last:
            yield f"rows {last + 1} to {newest} are missing"
        if sight.newest < last:
            yield f"the count of rows was set back to {sight.newest}"
        if sight.before:
            yield f"{sight.before} rows stand before the first, {first + 1}"
        if first != self._taken:
            last = max(first, self._taken)
            yield f"rows up to {last} are missing, or were not taken by retention"
        if noted < first:
            yield f"row {noted}, which was noted, has gone by retention: note a newer one"


def newest(db: Connection) -> int:
    """The highest id that was ever given."""
    if db.dialect == "postgresql":
        return marked(db, NEWEST)[0]
    row = db.execute("select seq from sqlite_sequence where name = 'audit'").fetchone()
    return row[0] if row else 0


def _last(detail: str) -> int:
    """Which row was the last that retention took, as its own row says."""
    try:
        last = json.loads(detail)["last"]
    except (ValueError, TypeError, LookupError):
        return 0
    return last if isinstance(last, int) else 0
