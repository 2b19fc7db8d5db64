"""`Stretch`: some rows of a table that follow each other, as a backup reads them.

The tables are read in an order in which what is new comes last, as far as they have one, so that
most parts of the backup before are good for the next.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from marshal import dumps
from typing import Any

from entrepot.db.connection import Connection
from entrepot.db.tables import Row, Table

Key = tuple[Any, ...]

_ORDERS = {
    "edge": ("manifest", "repository", "child"),
    "repository_blob": ("blob", "repository"),
}
"""Where that is not the primary key; there are indexes for these."""
WRITTEN_ONCE = frozenset({"audit", "blob", "change"})
"""Tables whose rows come and go, but never change, in the columns that a backup has. Numbers that
are given anew are the highest ones, so whatever happened shows in the count or in the last row.
"""
_ASIDE = {"blob": ("content", "key", "object"), "manifest": ("content",)}
"""What is not read: content has a file of its own, and a place in each registry."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Behind one key, up to and with another; None means the end."""

    after: Key | None
    upto: Key | None


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads a table of one state of the database."""

    db: Connection
    table: Table

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that are read, in the order of the values."""
        aside = _ASIDE.get(self.table.name, ())
        return tuple(name for name in self.table.columns if name not in aside)

    def key(self, row: Row) -> Key:
        """By which rows are in order."""
        return tuple(row[self.columns.index(name)] for name in self._order)

    def pages(self, stretch: Stretch, size: int) -> Iterator[list[Row]]:
        """Its rows, so many at a time."""
        while page := self._page(stretch, size):
            yield page
            if len(page) < size:
                return
            stretch = Stretch(self.key(page[-1]), stretch.upto)

    def mark(self, rows: list[Row]) -> str:
        """What some rows come to."""
        if self.table.name in WRITTEN_ONCE:
            return _mark([len(rows), rows[-1:]])
        return _mark(rows)

    def mark_unread(self, stretch: Stretch, rows: int | None = None) -> str | None:
        """The same of all rows of a stretch that ends, where they need not be read for that; nor
        counted, where one knows how many there are.
        """
        if self.table.name not in WRITTEN_ONCE or stretch.upto is None:
            return None
        count = self._count(stretch) if rows is None else rows
        (key,) = self._order
        last = self.db.execute(
            f"select {', '.join(self.columns)} from {self.table.name} where {key} = ?", stretch.upto
        )
        return _mark([count, last.fetchall()])

    def is_whole(self, upto: Key, rows: int, everything: int) -> bool:
        """Whether of rows that never change, and so many in all, as many are there up to one;
        others may have come if that one is another.
        """
        return everything - self._count(Stretch(upto, None)) == rows

    def count(self) -> int:
        """How many rows there are; an index knows that, which is smaller."""
        return self._count(Stretch(None, None))

    def _count(self, stretch: Stretch) -> int:
        where, values = self._where(stretch)
        query = f"select count(*) from {self.table.name}{where}"
        return int(self.db.execute(query, values).fetchone()[0])

    @property
    def _order(self) -> tuple[str, ...]:
        return _ORDERS.get(self.table.name, self.table.key)

    def _page(self, stretch: Stretch, size: int) -> list[Row]:
        where, values = self._where(stretch)
        return self.db.execute(
            f"select {', '.join(self.columns)} from {self.table.name}{where} "
            f"order by {', '.join(self._order)} limit ?",
            (*values, size),
        ).fetchall()

    def _where(self, stretch: Stretch) -> tuple[str, Key]:
        key, marks = ", ".join(self._order), ", ".join("?" for _ in self._order)
        found = [(">", stretch.after), ("<=", stretch.upto)]
        terms = [f"({key}) {sign} ({marks})" for sign, end in found if end is not None]
        values = tuple(value for _, end in found for value in end or ())
        return (f" where {' and '.join(terms)}" if terms else ""), values


def _mark(found: list[Any]) -> str:
    # Format 2 has no references, so equal rows are equal bytes, in a fifth of the time of JSON. If
    # another Python writes it otherwise, rows are only taken for changed, and written again.
    return hashlib.sha256(dumps(found, 2)).hexdigest()[:32]
