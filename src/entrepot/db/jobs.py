"""Jobs: a row for each work in the background, leased by the process that does it.

A lease is taken, renewed and given back by one statement each, which names the holder; so of all
processes over one database one does a job. Leases go by the clocks of those who write them. Where
two of these are further apart than a lease is long, both may do the job, and every job bears that.

Not all processes have the same jobs: settings and versions may differ. So a row that nobody leases
says by `lease_until` how long it is kept without any process that says that the job is one of its.
Next: `upkeep.runner`.
"""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from entrepot.db.clocks import APART
from entrepot.db.connection import Connection

KEPT = 24 * 3600.0
"""Seconds for which a job is kept that no process has."""


class State(StrEnum):
    """How a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    FAILED = "failed"
    """It is tried again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come."""

    done: int = 0
    total: int | None = None
    """None where nobody knows."""
    note: str = ""
    cursor: str = ""
    """Where to go on after an interruption, in the job's own words."""
    error: str = ""
    """What goes wrong at present, or went wrong last."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A job's row; times are seconds since 1970."""

    name: str
    about: str
    every: float | None
    """Seconds between two runs; None where it runs only when asked for."""
    state: State
    holder: str
    lease_until: float
    next_at: float | None
    asked: bool
    started_at: float | None
    ended_at: float | None
    succeeded_at: float | None
    took: float | None
    """Seconds of the last run."""
    failures: int
    """Since the last success."""
    progress: Progress

    def due(self, now: float) -> bool:
        """Whether it should run. What is to wait for days longer than any does was put off by a
        clock that went wrong.
        """
        if self.asked or self.next_at is None:
            return self.asked
        return not 0 < self.next_at - now <= (self.every or 0) + APART

    def leased(self, now: float) -> bool:
        """Whether somebody does it."""
        return self.holder != "" and 0 <= self.lease_until - now <= APART


_FIELDS = tuple(field.name for field in fields(Standing))[:-1]
_HOW_FAR = tuple(field.name for field in fields(Progress))
_COLUMNS = ", ".join(_FIELDS + _HOW_FAR)


def _read(row: tuple[Any, ...]) -> Standing:
    found = dict(zip(_FIELDS, row, strict=False))
    found |= {"state": State(found["state"]), "asked": bool(found["asked"])}
    return Standing(**found, progress=Progress(*row[len(_FIELDS) :]))


def every(db: Connection) -> list[Standing]:
    """All there are, by name."""
    return [_read(row) for row in db.execute(f"select {_COLUMNS} from job order by name")]


def find(db: Connection, name: str) -> Standing | None:
    """One of them."""
    row = db.execute(f"select {_COLUMNS} from job where name = ?", (name,)).fetchone()
    return _read(row) if row else None


def enlist(db: Connection, found: Iterable[tuple[str, str, float | None]]) -> None:
    """Make the rows of these jobs: name, what each is about, seconds between two runs. Those that
    there are keep how they stand; others go, unless somebody has done so for them lately.
    """
    now, names = time.time(), [""]
    for name, about, seconds in found:
        first = None if seconds is None else now
        db.execute(
            "insert into job (name, about, every, next_at, lease_until) values (?, ?, ?, ?, ?) "
            "on conflict (name) do update set about = excluded.about, every = excluded.every, "
            "lease_until = case when job.holder = '' then excluded.lease_until "
            "else job.lease_until end",
            (name, about, seconds, first, now + KEPT),
        )
        if seconds is not None:  # more often than before, perhaps
            db.execute(
                "update job set next_at = ? where name = ? and state = ? "
                "and (next_at is null or next_at > ?)",
                (now + seconds, name, State.WAITING.value, now + seconds),
            )
        names.append(name)
    marks = ", ".join("?" * len(names))
    db.execute(
        f"delete from job where (lease_until < ? or lease_until > ?) and name not in ({marks})",
        (now, now + APART, *names),
    )


def retime(db: Connection, name: str, next_at: float | None) -> None:
    """Have a job that waits for its time run at another, or only when asked for."""
    db.execute(
        "update job set next_at = ? where name = ? and state = ? and next_at > ?",
        (next_at, name, State.WAITING.value, time.time()),
    )


def ask(db: Connection, name: str) -> bool:
    """Have it run at once, or once more if it runs right now; whether there is such a job."""
    return db.execute("update job set asked = 1 where name = ?", (name,)).rowcount > 0


def claim(
    db: Connection, name: str, holder: str, seconds: float, before: str = ""
) -> Standing | None:
    """Lease a job that is due and that nobody does, or whose holder `before` is known to be gone;
    how it stands then. None where somebody was faster.
    """
    now, found = time.time(), find(db, name)
    if found is None or not found.due(now) or (found.leased(now) and found.holder != before):
        return None
    db.execute(
        "update job set state = ?, holder = ?, lease_until = ?, started_at = ?, next_at = ?, "
        "asked = 0, note = '', done = case when cursor = '' then 0 else done end, "
        "total = case when cursor = '' then null else total end where name = ?",
        (State.RUNNING.value, holder, now + seconds, now, now, name),
    )
    return find(db, name)


_PROGRESS = ", ".join(f"{name} = :{name}" for name in _HOW_FAR)
_OURS = "where name = :name and holder = :holder"
_FREE = f"state = :state, holder = '', lease_until = :now + {KEPT}"


def renew(db: Connection, name: str, holder: str, seconds: float, progress: Progress) -> bool:
    """Keep the lease for so long, and write down how far it is; whether it was still ours."""
    values = {"name": name, "holder": holder, "until": time.time() + seconds, **asdict(progress)}
    found = db.execute(f"update job set lease_until = :until, {_PROGRESS} {_OURS}", values)
    return found.rowcount > 0


def finish(
    db: Connection, name: str, holder: str, progress: Progress, next_at: float | None = None
) -> None:
    """Write down that it ended well, and when the next run is, if not as often as it says."""
    now, values = time.time(), asdict(progress) | {"cursor": "", "error": ""}
    db.execute(
        f"update job set {_FREE}, ended_at = :now, "
        "succeeded_at = :now, took = :now - started_at, failures = 0, "
        f"next_at = coalesce(:next_at, :now + every), {_PROGRESS} {_OURS}",
        {"name": name, "holder": holder, "now": now, "state": State.WAITING.value}
        | {"next_at": next_at, **values},
    )


def fail(
    db: Connection, name: str, holder: str, progress: Progress, *, next_at: float, failures: int
) -> None:
    """Write down that it ended badly, so many times in a row, and when it is tried again, from its
    cursor on.
    """
    state, now = State.FAILED.value, time.time()
    db.execute(
        f"update job set {_FREE}, ended_at = :now, "
        "took = :now - started_at, failures = :failures, next_at = :next_at, "
        f"{_PROGRESS} {_OURS}",
        {"name": name, "holder": holder, "now": now, "state": state, "next_at": next_at}
        | {"failures": failures, **asdict(progress)},
    )


def hand_back(db: Connection, name: str, holder: str, progress: Progress) -> None:
    """Let another go on at once."""
    state, now = State.WAITING.value, time.time()
    db.execute(
        f"update job set {_FREE}, next_at = :now, {_PROGRESS} {_OURS}",
        {"name": name, "holder": holder, "now": now, "state": state, **asdict(progress)},
    )
