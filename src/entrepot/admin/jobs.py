"""Jobs in the background: how they stand, and having one run at once."""

import time
from datetime import datetime
from functools import partial

from fastapi import APIRouter

from entrepot.admin.caller import Called
from entrepot.admin.page import Model, Page, moment
from entrepot.admin.problem import Problem
from entrepot.db import audit, jobs
from entrepot.db.audit import Event
from entrepot.db.connection import Connection
from entrepot.db.jobs import Standing, State
from entrepot.upkeep import holder

router = APIRouter(prefix="/jobs", tags=["jobs"])


class Job(Model):
    """A job as shown."""

    name: str
    about: str
    state: State
    by: str | None
    """The host and the process that does it right now."""
    every: float | None
    """Seconds between two runs; null where it runs only when asked for."""
    asked: bool
    """Whether somebody has asked for a run that has not begun."""
    next_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    succeeded_at: datetime | None
    took: float | None
    """Seconds of the last run."""
    done: int
    total: int | None
    """Null where nobody knows."""
    percent: float | None
    note: str
    error: str
    """What goes wrong, or went wrong last time."""
    failures: int
    """Since it last ended well."""


@router.get("")
async def index(caller: Called) -> Page[Job]:
    """All jobs, by name."""
    now = time.time()
    return Page(items=[shown(each, now) for each in await caller.read(jobs.every)])


@router.get("/{name}")
async def show(caller: Called, name: str) -> Job:
    """One job."""
    return _found(await caller.read(partial(jobs.find, name=name)), name)


@router.post("/{name}/run", status_code=202)
async def run(caller: Called, name: str) -> Job:
    """Have it run at once, or once more if it runs right now. Some process begins in a moment."""
    event = Event("job run", caller.by(), reference=f"job:{name}")

    def ask(db: Connection) -> Standing | None:
        if jobs.ask(db, name):
            audit.append(db, event)
        return jobs.find(db, name)

    return _found(await caller.registry.database.write(ask), name)


def _found(standing: Standing | None, name: str) -> Job:
    if standing is None:
        raise Problem(404, f"there is no job {name[:255]!r}")
    return shown(standing, time.time())


def shown(found: Standing, now: float) -> Job:
    """A job as the API shows it."""
    progress, leased = found.progress, found.leased(now)
    cut = found.state is State.RUNNING and not leased
    return Job(
        name=found.name,
        about=found.about,
        state=State.WAITING if cut else found.state,
        by=holder.shown(found.holder) if leased else None,
        every=found.every,
        asked=found.asked,
        next_at=None if leased else moment(found.next_at),
        started_at=moment(found.started_at),
        ended_at=moment(found.ended_at),
        succeeded_at=moment(found.succeeded_at),
        took=found.took,
        done=progress.done,
        total=progress.total,
        percent=_percent(progress.done, progress.total),
        note=progress.note,
        error=progress.error,
        failures=found.failures,
    )


def _percent(done: int, total: int | None) -> float | None:
    return None if total is None else min(100.0, round(100 * done / total, 1)) if total else 100.0
