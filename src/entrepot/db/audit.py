"""The audit: one row for whatever someone did, or was not let do. Rows are chained by hash.

A row's hash covers all its words and the hash of the row before, so a row that was altered or
taken out shows (`verify`). Changes write theirs in the transaction that makes the change; the
rest comes in batches (`auth.trail`). Ids are never used twice, so rows missing at the end show too.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

OK, DENIED, FAILED = "ok", "denied", "failed"

_FIRST = "0" * 64
"""Stands for the hash of the row before the first."""

START = "audit start"
"""The marker of the last row that retention took: its id and its hash."""

_COLUMNS = (
    "id, at, actor, via, address, agent, request, action, repository, reference, digest, result, "
    "detail, times"
)
_INSERT = (
    f"insert into audit ({_COLUMNS}, hash) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

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


def append(db: sqlite3.Connection, event: Event) -> None:
    """Add a row, chained to the last; call it in the transaction that makes the change."""
    last, before = _last(db)
    by = event.by
    detail = {**by.detail, **event.detail}
    row = (
        last + 1,
        round(event.at or time.time(), 6),
        by.actor,
        by.via,
        by.address,
        by.agent,
        by.request,
        event.action,
        event.repository,
        event.reference,
        event.digest,
        event.result,
        json.dumps(detail, sort_keys=True) if detail else "{}",
        event.times,
    )
    db.execute(_INSERT, (*row, chained(before, row)))


def chained(before: str, row: tuple[Any, ...]) -> str:
    """The hash of a row without its own hash, behind the hash of the row before."""
    return hashlib.sha256((before + json.dumps(row)).encode()).hexdigest()


def _last(db: sqlite3.Connection) -> tuple[int, str]:
    """The id and the hash that the next row goes on from."""
    row = db.execute("select id, hash from audit where id = (select max(id) from audit)").fetchone()
    return row or _start(db)


def _start(db: sqlite3.Connection) -> tuple[int, str]:
    row = db.execute("select number, text from marker where name = ?", (START,)).fetchone()
    return row or (0, _FIRST)


def verify(db: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with the chain, in words; nothing where all is as it was written."""
    number, before = _start(db)
    rows = db.execute(f"select {_COLUMNS}, hash from audit order by id")
    for *row, found in rows:
        if row[0] != number + 1:
            yield f"rows {number + 1} to {row[0] - 1} are missing"
        elif chained(before, tuple(row)) != found:
            yield f"row {row[0]} is not as it was written"
        number, before = row[0], found
    newest = db.execute("select seq from sqlite_sequence where name = 'audit'").fetchone()
    if newest and newest[0] > number:
        yield f"rows {number + 1} to {newest[0]} are missing"


def head(db: sqlite3.Connection) -> tuple[int, str]:
    """The id and the hash of the newest row; kept elsewhere, they prove that nothing went."""
    return _last(db)
