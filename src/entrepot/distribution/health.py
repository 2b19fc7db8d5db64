"""What operators and probes ask: alive, ready, metrics; and a word for who comes by browser."""

import asyncio
import sqlite3
import time
from types import ModuleType

from entrepot.db import gauges, jobs, upstreams
from entrepot.db.connection import Connection
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request
from entrepot.distribution.response import Response, as_json
from entrepot.observe.metrics import (
    JOB_RUNNING,
    JOB_SECONDS,
    JOB_SUCCESS,
    UPSTREAM_REFUSED,
    UPSTREAM_RESTING,
    Known,
)

PATIENCE = 2.0
"""Seconds that the database has to answer before it counts as away."""

_HOME = b"""This is Entrepot, an image registry.

  docker pull HOST/REPOSITORY:TAG
  docker push HOST/REPOSITORY:TAG

Its API is at /v2/ (OCI Distribution); see also /readyz and /metrics.
"""


async def home(_registry: Registry, _request: Request) -> Response:
    """GET /."""
    return Response(200, [(b"content-type", b"text/plain; charset=utf-8")], _HOME)


async def base(_registry: Registry, _request: Request) -> Response:
    """GET /v2/: clients ask here whether this is a registry."""
    return as_json({})


async def livez(_registry: Registry, _request: Request) -> Response:
    """GET /livez: the process answers."""
    return as_json({"alive": True})


async def readyz(registry: Registry, _request: Request) -> Response:
    """GET /readyz: 200, or 503 and what is not ready."""
    troubles = {
        "database": await _database_trouble(registry),
        "store": await registry.store.trouble(),
    }
    ready = not any(troubles.values())
    checks = {name: trouble or "ok" for name, trouble in troubles.items()}
    return as_json({"ready": ready, "checks": checks}, 200 if ready else 503)


async def _database_trouble(registry: Registry) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE):
            await registry.database.read(_look)
    except (sqlite3.Error, TimeoutError) as error:
        return f"cannot be read: {str(error) or 'no answer'}"
    return registry.database.trouble()


def _look(db: Connection) -> None:
    db.execute("select 1 from repository limit 1").fetchone()


async def metrics_text(registry: Registry, _request: Request) -> Response:
    """GET /metrics, for Prometheus; what the database knows is left out while it is away."""
    try:
        async with asyncio.timeout(PATIENCE):
            known = await registry.database.read(_known)
    except (sqlite3.Error, TimeoutError):
        known = []
    exposition = await asyncio.to_thread(_exposition)
    text = exposition.text(registry.observer.metrics, known)
    return Response(200, [(b"content-type", exposition.CONTENT_TYPE)], text)


def _exposition() -> ModuleType:
    """Loaded by the first who asks, beside the requests of others."""
    from entrepot.observe import exposition

    return exposition


def _known(db: Connection) -> list[Known]:
    """What was measured last, by whichever process, and how the jobs stand."""
    found, now = [(name, "", value) for name, value in gauges.every(db).items()], time.time()
    for job in jobs.every(db):
        found.append((JOB_RUNNING, job.name, job.leased(now)))
        found.append((JOB_SECONDS, job.name, job.took or 0))
        found.append((JOB_SUCCESS, job.name, job.succeeded_at or 0))
    for project in upstreams.projects(db):  # what processes know of them is added to that
        found += [(UPSTREAM_RESTING, project, 0), (UPSTREAM_REFUSED, project, 0)]
    return found
