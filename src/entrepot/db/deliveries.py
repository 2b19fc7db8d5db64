"""Deliveries: what webhooks are to be sent, and how that went.

Those of one webhook and one repository wait in a line, in the order of the log. Whatever is
written here twice is the same as once: a sender that was cut does it again. Next: `webhook_lines`.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from entrepot.db import webhook_lines, webhooks
from entrepot.db.connection import Connection
from entrepot.db.webhook_lines import Line


class State(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """It failed for so long that it is tried no more, unless somebody says so."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row; times are seconds since 1970."""

    id: int
    webhook: str
    change: int
    repository: str
    state: State
    attempts: int
    created_at: float
    failed_at: float | None
    """The first time."""
    ended_at: float | None
    status: int | None
    error: str
    took: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt."""

    at: float
    took: float
    status: int | None = None
    """Of the answer, where there was one."""
    error: str = ""
    """Why it is no success; "" where it is one."""
    lost: bool = False
    """Whether there is nothing to send any more."""


Wanted = Mapping[str, Sequence[tuple[int, str]]]
"""By webhook, changes that it is to be told of, with their repositories."""

_COLUMNS = (
    "id, webhook, change, repository, state, attempts, created_at, failed_at, ended_at, status, "
    "error, took"
)


def _read(row: Sequence[object]) -> Delivery:
    number, webhook, change, repository, state, *rest = row
    return Delivery(number, webhook, change, repository, State(str(state)), *rest)  # type: ignore[arg-type]


def enlist(db: Connection, cursor: int, wanted: Wanted, now: float) -> None:
    """Put changes in line for some webhooks; `cursor` is how far the log was read for all of them.
    One that was deleted meanwhile gets none, and what was sent already is not in line again.
    """
    there = webhooks.those_of(db, wanted)
    rows = [(each, *found) for each in there for found in wanted[each]]
    if not rows:
        return
    db.executemany(
        "insert into webhook_delivery (webhook, change, repository, state, created_at) "
        f"values (?, ?, ?, '{State.WAITING.value}', ?) on conflict (webhook, change) do nothing",
        [(*row, now) for row in rows],
    )
    marks = ", ".join("?" * len(there))
    db.execute(
        "insert into webhook_line (webhook, repository, next_at) "
        "select distinct webhook, repository, cast(? as double precision) from webhook_delivery "
        f"where webhook in ({marks}) and change between ? and ? and state = ? "
        "on conflict (webhook, repository) do nothing",
        (now, *there, min(row[1] for row in rows), cursor, State.WAITING.value),
    )
    webhooks.move(db, there, cursor)


def first(db: Connection, webhook: str, repository: str) -> Delivery | None:
    """The one that is next in a line; None where nothing waits."""
    row = db.execute(
        f"select {_COLUMNS} from webhook_delivery where webhook = ? and repository = ? "
        "and state = ? order by change limit 1",
        (webhook, repository, State.WAITING.value),
    ).fetchone()
    return _read(row) if row else None


def succeed(db: Connection, number: int, outcome: Outcome) -> None:
    """Note that it arrived; the next of its line may go."""
    _end(db, number, State.DELIVERED, outcome)


def die(db: Connection, number: int, outcome: Outcome) -> None:
    """Note that it failed for good; the next of its line may go."""
    _end(db, number, State.DEAD, outcome)


def fail(db: Connection, number: int, outcome: Outcome, again_at: float) -> None:
    """Note that it failed, and let its line wait so long."""
    row = db.execute(
        "update webhook_delivery set attempts = attempts + 1, status = :status, error = :error, "
        "took = :took, failed_at = coalesce(failed_at, :at) where id = :id and state = :waiting "
        "returning webhook, repository",
        _values(number, outcome),
    ).fetchone()
    if row is not None:
        webhook_lines.put(db, Line(row[0], row[1], again_at))


def _end(db: Connection, number: int, state: State, outcome: Outcome) -> None:
    row = db.execute(
        "update webhook_delivery set state = :state, attempts = attempts + 1, status = :status, "
        "error = :error, took = :took, ended_at = :at where id = :id and state = :waiting "
        "returning webhook, repository",
        {"state": state.value, **_values(number, outcome)},
    ).fetchone()
    if row is not None:
        _advance(db, row[0], row[1], outcome.at)


def _values(number: int, outcome: Outcome) -> dict[str, object]:
    return {
        "id": number,
        "waiting": State.WAITING.value,
        "status": outcome.status,
        "error": outcome.error,
        "took": outcome.took,
        "at": outcome.at,
    }


def _advance(db: Connection, webhook: str, repository: str, now: float) -> None:
    if first(db, webhook, repository) is None:
        webhook_lines.end(db, webhook, repository)
    else:
        webhook_lines.put(db, Line(webhook, repository, now))


def replay(db: Connection, webhook: str, numbers: Sequence[int] | None) -> int:
    """Put deliveries in line once more, or, without numbers, all dead ones; how many those are.

    They go before what waits already, since they are older. What waits is tried at once.
    """
    now, replayed = time.time(), 0
    chosen = _dead(db, webhook) if numbers is None else numbers
    for number in chosen:
        row = db.execute(
            "update webhook_delivery set state = :waiting, ended_at = null, failed_at = null, "
            "attempts = case when state = :waiting then attempts else 0 end "
            "where id = :id and webhook = :webhook returning repository",
            {"waiting": State.WAITING.value, "id": number, "webhook": webhook},
        ).fetchone()
        if row is not None:
            webhook_lines.put(db, Line(webhook, row[0], now))
            replayed += 1
    return replayed


def _dead(db: Connection, webhook: str) -> list[int]:
    rows = db.execute(
        "select id from webhook_delivery where webhook = ? and state = ? order by id limit 10000",
        (webhook, State.DEAD.value),
    )
    return [number for (number,) in rows]


def page(
    db: Connection, webhook: str, state: State | None, before: int | None, limit: int
) -> list[Delivery]:
    """A webhook's deliveries, the newest first, of one state or of all; those `before` a number."""
    values: dict[str, object] = {"webhook": webhook, "limit": limit, "before": before or 2**62}
    only = ""
    if state is not None:
        only, values["state"] = "and state = :state", state.value
    rows = db.execute(
        f"select {_COLUMNS} from webhook_delivery where webhook = :webhook and id < :before {only} "
        "order by id desc limit :limit",
        values,
    )
    return [_read(row) for row in rows]


def counts(db: Connection, webhook: str) -> dict[State, int]:
    """How many there are of each state."""
    rows = db.execute(
        "select state, count(*) from webhook_delivery where webhook = ? group by state", (webhook,)
    )
    return dict.fromkeys(State, 0) | {State(state): count for state, count in rows}


def waiting(db: Connection, webhook: str, limit: int) -> int:
    """How many wait; no more than the limit are counted."""
    found: int = db.execute(
        "select count(*) from (select 1 from webhook_delivery where webhook = ? and state = ? "
        "limit ?) as found",
        (webhook, State.WAITING.value, limit),
    ).fetchone()[0]
    return found


def lag(db: Connection, now: float) -> float:
    """Seconds since the oldest change that waits, for a webhook that is not paused."""
    (oldest,) = db.execute(
        "select min((select d.created_at from webhook_delivery d where d.webhook = w.id "
        "and d.state = ? order by d.id limit 1)) from webhook w where w.paused = 0",
        (State.WAITING.value,),
    ).fetchone()
    return 0.0 if oldest is None else max(0.0, now - oldest)


def expire(db: Connection, before: float, limit: int) -> int:
    """Forget deliveries that ended before; how many those were."""
    found = db.execute(
        "delete from webhook_delivery where id in (select id from webhook_delivery "
        "where ended_at < ? order by ended_at, id limit ?)",
        (before, limit),
    )
    return found.rowcount
