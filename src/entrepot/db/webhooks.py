"""Webhooks: who is to be told of which changes, where, and signed by what.

Addresses and secrets lie sealed, where there are keys (`db.sealed`): an address may be a secret
itself. Next: `db.deliveries`, what each is sent.
"""

import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from entrepot.db import changes, sealed
from entrepot.db.connection import Connection
from entrepot.db.sealed import Sealed

_SEALED = (Sealed.WEBHOOK_URL, Sealed.WEBHOOK_SECRET, Sealed.WEBHOOK_SECRET_BEFORE)
_COLUMNS = (
    "id, url, secret, secret_before, key, before_until, pattern, kinds, format, about, paused, "
    "why_paused, cursor, created_at, created_by"
)


_OF = "(pattern = :name or substr(pattern, 1, length(:name) + 1) = :name || '/')"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A row, opened; times are seconds since 1970."""

    id: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    """What signs."""
    pattern: str
    """Repositories whose changes it is told of."""
    kinds: frozenset[str]
    """Kinds of changes; all where it is empty."""
    format: str
    about: str = ""
    """What somebody wrote about it."""
    secret_before: str = field(default="", repr=False)
    """Signs, too, until `before_until`."""
    before_until: float | None = None
    paused: bool = False
    why_paused: str = ""
    """Where the registry itself paused it."""
    cursor: int = 0
    """Changes up to this one have become deliveries."""
    created_at: float = 0
    created_by: str = ""
    locked: str = ""
    """Why its address and secrets cannot be opened; "" where they can."""

    def signing(self, now: float) -> tuple[str, ...]:
        """The secrets that sign at this time."""
        if self.secret_before and self.before_until is not None and now < self.before_until:
            return self.secret, self.secret_before
        return (self.secret,)


def new_id() -> str:
    """A name for a webhook, which says nothing."""
    return secrets.token_hex(4)


def _read(db: Connection, row: Any) -> Webhook:
    number, *kept, key = row[:5]
    opened = [
        sealed.try_text(db, (kind, number), text, key)
        for kind, text in zip(_SEALED, kept, strict=True)
    ]
    url, secret, before = (text for text, _ in opened)
    until, pattern, kinds, format_, about, paused, why, cursor, at, by = row[5:]
    return Webhook(
        number,
        url,
        secret,
        pattern,
        frozenset(kinds.split(",")) - {""},
        format_,
        about,
        before,
        until,
        bool(paused),
        why,
        cursor,
        at,
        by,
        next((why for _, why in opened if why), ""),
    )


def ids(db: Connection) -> list[str]:
    """Of all webhooks, in order."""
    return [number for (number,) in db.execute("select id from webhook order by id")]


def count(db: Connection, project: str) -> int:
    """How many there are for a project's repositories alone."""
    row = db.execute(f"select count(*) from webhook where {_OF}", {"name": project}).fetchone()
    return int(row[0])


def find(db: Connection, number: str) -> Webhook | None:
    """One of them."""
    row = db.execute(f"select {_COLUMNS} from webhook where id = ?", (number,)).fetchone()
    return _read(db, row) if row else None


def add(db: Connection, made: Webhook) -> Webhook:
    """Keep a new one; it is told of what comes from now on."""
    made = replace(made, cursor=changes.newest(db), created_at=time.time())
    db.execute(
        "insert into webhook (id, pattern, format, url, secret, cursor, created_at, created_by) "
        "values (?, '', '', '', '', ?, ?, ?)",
        (made.id, made.cursor, made.created_at, made.created_by),
    )
    put(db, made)
    return made


def put(db: Connection, hook: Webhook) -> None:
    """Write down what can be changed of one."""
    values, key = [], None
    for kind, text in zip(_SEALED, (hook.url, hook.secret, hook.secret_before), strict=True):
        kept, key = sealed.seal_text(db, (kind, hook.id), text)
        values.append(kept)
    db.execute(
        "update webhook set url = ?, secret = ?, secret_before = ?, key = ?, before_until = ?, "
        "pattern = ?, kinds = ?, format = ?, about = ?, paused = ?, why_paused = ? where id = ?",
        (
            *values,
            key,
            hook.before_until,
            hook.pattern,
            ",".join(sorted(hook.kinds)),
            hook.format,
            hook.about,
            int(hook.paused),
            hook.why_paused,
            hook.id,
        ),
    )


def pause(db: Connection, number: str, why: str) -> bool:
    """Send it nothing more until somebody lets it go on; whether that is new."""
    found = db.execute(
        "update webhook set paused = 1, why_paused = ? where id = ? and paused = 0", (why, number)
    )
    return found.rowcount > 0


def those_of(db: Connection, numbers: Collection[str]) -> list[str]:
    """Of these the ones that there are, in order."""
    marks = ", ".join("?" * len(numbers))
    rows = db.execute(f"select id from webhook where id in ({marks}) order by id", (*numbers,))
    return [number for (number,) in rows]


def move(db: Connection, numbers: Collection[str], cursor: int) -> None:
    """Note how far the log was read for some."""
    marks = ", ".join("?" * len(numbers))
    db.execute(
        f"update webhook set cursor = ? where id in ({marks}) and cursor < ?",
        (cursor, *numbers, cursor),
    )


def remove(db: Connection, number: str) -> None:
    """Delete one with all that it was sent, or was to be."""
    db.execute("delete from webhook where id = ?", (number,))


def remove_of(db: Connection, project: str) -> None:
    """Delete those that are for a project's repositories alone."""
    db.execute(f"delete from webhook where {_OF}", {"name": project})
