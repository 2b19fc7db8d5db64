"""Entries of the audit: found by time, actor, repository and more, the newest first, in pages.

A page looks at a bounded stretch of an index, so it may be short, or empty, and still not be the
last: the cursor says so. Whatever the user wrote is compared, and never becomes a pattern of SQL.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from entrepot.db.audit import COLUMNS, Link
from entrepot.db.connection import Connection

LONGEST = 20_000
"""Rows of the index that one page looks at."""

Range = tuple[str, str]
"""Names from the first to the second, both included."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row."""

    id: int
    at: float
    """Seconds since 1970."""
    actor: str
    via: str
    address: str
    agent: str
    request: str
    action: str
    repository: str
    reference: str
    digest: str
    result: str
    detail: dict[str, Any]
    times: int
    """How often the same came within a second."""
    hash: str

    @property
    def link(self) -> Link:
        """The place in the chain."""
        return self.id, self.hash

    def document(self) -> dict[str, Any]:
        """As JSON has it; the time by RFC 3339."""
        at = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="microseconds")
        return {**asdict(self), "at": at.replace("+00:00", "Z")}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries; what is empty is not asked for."""

    since: float = 0
    until: float | None = None
    """Seconds since 1970; the first is included, the second is not."""
    actor: str = ""
    repository: str = ""
    ranges: tuple[Range, ...] = ()
    """What else the repository must lie in, as a pattern has it (`auth.pattern`)."""
    action: str = ""
    result: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, and the id behind which the next ones are; None where these are the last."""

    entries: list[Entry]
    next: int | None


_DETAIL = 12
_EQUAL = ("actor", "repository", "action", "result", "address")


def page(db: Connection, wanted: Wanted, after: int | None, limit: int) -> Page:
    """The newest entries that are wanted, or those behind (so, before) the one called `after`.

    Takes milliseconds, so it wants a thread and a connection of its own.
    """
    stretch, values = _stretch(db, wanted, after)
    order = "order by at desc, id desc"
    inner = f"select id, at from audit where {stretch} {order} limit 1 offset {LONGEST - 1}"
    last = db.execute(inner, values).fetchone()
    if last:
        stretch, values = f"{stretch} and (at, id) >= (?, ?)", [*values, last[1], last[0]]
    rest, more = _rest(wanted)
    query = f"select {COLUMNS}, hash from audit where {stretch}{rest} {order} limit ?"
    rows = db.execute(query, [*values, *more, limit + 1]).fetchall()
    found = [_read(row) for row in rows[:limit]]
    if len(rows) > limit:
        return Page(found, found[-1].id)
    return Page(found, last[0] if last else None)


def _stretch(db: Connection, wanted: Wanted, after: int | None) -> tuple[str, list[object]]:
    """What the index is asked for: one repository, or one actor, or all; and the time."""
    terms: list[str] = []
    values: list[object] = []
    if wanted.repository:
        terms.append("repository = ? and repository <> ''")
        values.append(wanted.repository)
    elif wanted.actor:
        terms.append("actor = ?")
        values.append(wanted.actor)
    terms.append("at >= ?")
    values.append(wanted.since)
    if wanted.until is not None:
        terms.append("at < ?")
        values.append(wanted.until)
    if after is not None:
        at = db.execute("select at from audit where id = ?", (after,)).fetchone()
        terms.append("(at, id) < (?, ?)")
        values += [at[0] if at else 0, after]  # one that has gone has none behind it
    return " and ".join(terms), values


def _rest(wanted: Wanted) -> tuple[str, list[object]]:
    """What is compared row by row; `|| ''` keeps it from being looked for in an index."""
    terms: list[str] = []
    values: list[object] = []
    for name in _EQUAL:
        if value := getattr(wanted, name):
            terms.append(f" and {name} || '' = ?")
            values.append(value)
    if wanted.ranges:
        each = " or ".join("repository || '' between ? and ?" for _ in wanted.ranges)
        terms.append(f" and ({each})")
        values += [name for names in wanted.ranges for name in names]
    return "".join(terms), values


def every(db: Connection, wanted: Wanted, size: int = 500) -> Iterator[list[Entry]]:
    """All that are wanted, the newest first, page by page; what comes meanwhile is left out."""
    found = page(db, wanted, None, size)
    yield found.entries
    while found.next is not None:
        found = page(db, wanted, found.next, size)
        yield found.entries


def following(db: Connection, number: int, limit: int) -> list[Entry]:
    """Entries behind a row, in the order of the chain."""
    query = f"select {COLUMNS}, hash from audit where id > ? order by id limit ?"
    return [_read(row) for row in db.execute(query, (number, limit))]


def _read(row: tuple[Any, ...]) -> Entry:
    detail = json.loads(row[_DETAIL])
    return Entry(*(*row[:_DETAIL], detail, *row[_DETAIL + 1 :]))
