"""`Scheduled`: the job that makes a backup when it is time; one process of the registry does it.

The work is done by a child, so that requests never wait for it. Where that is killed, or the
server, the next one goes on from what was sent. Next: `child`.
"""

import asyncio
import contextlib
import json
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Any

from entrepot.db import audit
from entrepot.db.audit import FAILED, By, Event
from entrepot.db.database import Database
from entrepot.upkeep.backup.order import Order
from entrepot.upkeep.backup.words import are, some
from entrepot.upkeep.job import Job, JobError, Run

JOB = "scheduled-backup"
_ABOUT = "Makes a backup of everything, and prunes older ones."
_CHILD = (sys.executable, "-m", "entrepot.upkeep.backup.child")
_BUSY = 15.0
"""Seconds until it is tried again where somebody else makes a backup, or prunes."""
_PATIENCE = 5.0
"""Seconds that the child has to end by itself."""
_DAY = 24 * 3600.0
_BY = By("entrepot", via=JOB)

_log = logging.getLogger("entrepot.upkeep")


class Scheduled:
    """Makes backups as an order says."""

    def __init__(self, database: Database, order: Order) -> None:
        self._database = database
        self._order = order

    def job(self, at: Sequence[int]) -> Job:
        """Daily, so many seconds after midnight; where there are none, when somebody asks for it.

        The first is made at once; then one that was missed is made as soon as that can be.
        """
        return Job(JOB, self._work, _DAY if at else None, _ABOUT, tuple(at))

    async def _work(self, run: Run) -> None:
        while "busy" in (said := await self._try(run)):
            run.report(note=f"waits: {said['busy']}")
            await asyncio.sleep(_BUSY)
        if "error" in said:
            await self._tell(run, said["error"])
            raise JobError(said["error"])
        run.report(note=_words(said))
        if said["lost"]:
            _log.error(
                "backup %s lacks what is damaged in the registry, %s, such as %s",
                said["made"],
                some(said["lost"], "content"),
                ", ".join(said["such"]),
            )
        if said["trouble"]:
            text = "backup %s is made, but older ones cannot be pruned: %s"
            _log.error(text, said["made"], said["trouble"])

    async def _try(self, run: Run) -> dict[str, Any]:
        """What the child says in the end."""
        process = await asyncio.create_subprocess_exec(*_CHILD, stdin=PIPE, stdout=PIPE)
        try:
            return await _heard(process, self._order, run)
        finally:
            await _end(process)

    async def _tell(self, run: Run, why: str) -> None:
        """Have the audit know, once until it works again."""
        if not run.now.error:
            event = Event(
                "backup create", _BY, "", self._order.to, result=FAILED, detail={"error": why}
            )
            await self._database.write(lambda db: audit.append(db, event))


async def _heard(process: Process, order: Order, run: Run) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):
        process.stdin.write(order.dump())
        await process.stdin.drain()
    said: dict[str, Any] = {}
    async for line in process.stdout:
        said = json.loads(line)
        if "what" in said:
            run.report(said["done"], said["total"] or None, said["what"])
    if not said or "what" in said:
        return {"error": f"the process that makes it ended with {await process.wait()}"}
    return said


async def _end(process: Process) -> None:
    """Have it end, in peace if that goes."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _words(said: dict[str, Any]) -> str:
    words = f"{said['made']}: {some(said['tags'], 'tag')}, {said['added']} bytes are new"
    if said["lost"]:
        words += f"; {are(said['lost'], 'content')} damaged: entrepot check"
    if said["removed"]:
        words += f"; {are(said['removed'], 'older one')} gone"
    words += f"; older ones stay for now: {said['stay']}" if said["stay"] else ""
    return words + (f"; older ones cannot go: {said['trouble']}" if said["trouble"] else "")
