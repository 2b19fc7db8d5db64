"""The audit: one row for whatever someone did, or was not let do. Rows are chained by hash.

A row's hash covers all its words and the hash of the row before, so a row that was altered or
taken out shows. Changes write theirs in the transaction that makes the change; the rest comes in
batches (`auth.trail`). Next: `db.chain` verifies, `db.entries` finds.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from types import MappingProxyType
from typing import Any

from entrepot.db.connection import Connection
from entrepot.redaction import redacted

OK, DENIED, FAILED = "ok", "denied", "failed"

EXPIRED = "audit expire"
"""The action of the row that says which rows retention took."""

_FIRST = "0" * 64
"""Stands for the hash of the row before the first."""

NEWEST = "audit newest"
"""The marker of the highest id that was ever given, where the database does not count."""

START = "audit start"
"""The marker of the last row that retention took: its id and its hash."""

Link = tuple[int, str]
"""Id and hash of a row: what the next one goes on from."""

COLUMNS = (
    "id, at, actor, via, address, agent, request, action, repository, reference, digest, result, "
    "detail, times"
)
_INSERT = f"insert into audit ({COLUMNS}, hash) values ({', '.join('?' * 15)})"

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class By:
    """Who, from where and with what."""

    actor: str = "anonymous"
    via: str = ""
    """How they showed who they are: password, token laptop, certificate, …"""
    address: str = ""
    agent: str = ""
    request: str = ""
    detail: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    """What else is known of them, such as a workload's namespace and pod."""


NOBODY = By()
_RETENTION = By("entrepot", via="retention")


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. Digests are written algorithm:hex."""

    action: str
    by: By
    repository: str = ""
    reference: str = ""
    """The tag, or what else the action was on: user:alice, project:team."""
    digest: str = ""
    result: str = OK
    detail: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    at: float = 0
    """Seconds since 1970; 0 for now."""
    times: int = 1


def append(db: Connection, *events: Event) -> None:
    """Add rows, chained to the last; call it in the transaction that makes the change."""
    rows = list(_linked(head(db), events))
    db.executemany(_INSERT, rows)
    if rows and db.dialect == "postgresql":  # SQLite counts by itself
        mark(db, NEWEST, (rows[-1][0], ""))


def _linked(last: Link, events: Iterable[Event]) -> Iterable[tuple[Any, ...]]:
    first, before = last[0] + 1, last[1]
    for number, event in enumerate(events, first):
        row = _row(number, event)
        before = chained(before, row)
        yield (*row, before)


def _row(number: int, event: Event) -> tuple[Any, ...]:
    by = event.by
    detail = {**by.detail, **event.detail}
    return (
        number,
        round(float(event.at or time.time()), 6),
        by.actor,
        by.via,
        by.address,
        _storable(redacted(by.agent)),
        by.request,
        event.action,
        event.repository,
        _storable(redacted(event.reference)),
        event.digest,
        event.result,
        redacted(json.dumps(detail, sort_keys=True)) if detail else "{}",
        event.times,
    )


def _storable(text: str) -> str:
    """PostgreSQL keeps no NUL in a text."""
    return text.replace("\0", "\u2400")


def chained(before: str, row: tuple[Any, ...]) -> str:
    """The hash of a row without its own hash, behind the hash of the row before."""
    text = before + json.dumps(row, default=list)  # bytes, which we never write, are no text
    return hashlib.sha256(text.encode()).hexdigest()


def head(db: Connection) -> Link:
    """The newest row; kept elsewhere, it proves later that nothing before it was changed."""
    row = db.execute("select id, hash from audit where id = (select max(id) from audit)").fetchone()
    return row or start(db)


def start(db: Connection) -> Link:
    """What the oldest row goes on from."""
    number, found = marked(db, START)
    return number, found or _FIRST


def expire(db: Connection, before: float, last: int, limit: int) -> int:
    """Delete the oldest rows, from before a time and up to the id `last`; how many those were.

    They go in the order of the chain: a row that is older than one before it waits for that one.
    """
    oldest = db.execute(
        "select id, at, hash from audit where id <= ? order by id limit ?", (last, limit)
    )
    gone = list(takewhile(lambda row: row[1] < before, oldest))
    if not gone:
        return 0
    first, (last, at, found) = gone[0][0], gone[-1]
    db.execute("delete from audit where id <= ?", (last,))
    mark(db, START, (last, found))
    detail = {"first": first, "last": last, "until": at}
    append(db, Event(EXPIRED, _RETENTION, detail=detail, times=len(gone)))
    return len(gone)


def marked(db: Connection, name: str) -> Link:
    """Where something has come to, (0, "") where it has not begun."""
    row = db.execute("select number, text from marker where name = ?", (name,)).fetchone()
    return row or (0, "")


def mark(db: Connection, name: str, link: Link) -> None:
    """Note where something has come to."""
    db.execute(
        "insert into marker (name, number, text) values (?, ?, ?) "
        "on conflict (name) do update set number = excluded.number, text = excluded.text",
        (name, *link),
    )
