"""The copy of the audit, as it happens: rows go to a file or to syslog within a second.

A job follows the table from a cursor that the database keeps. It moves on when the target
has the rows, so each is copied at least once; after a crash some may come twice. A target that
fails holds up nobody: it is told once in the log, and tried until it works. Next: `upkeep.targets`.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from entrepot.db import audit, entries
from entrepot.db.audit import Link
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.upkeep.job import Run
from entrepot.upkeep.targets import parse

SECONDS = 0.5
"""Between two looks at the table, and between two tries."""
_PAGE = 500

_log = logging.getLogger("entrepot.audit")


def marker(copy: str) -> str:
    """Under which name the cursor is kept: a new target gets all rows."""
    return f"audit copy {copy}"


async def follow(run: Run, database: Database, copy: str) -> None:
    """Copy until cancelled; `copy` as the setting has it."""
    found = _Copy(database, copy)
    try:
        await found.run(run)
    finally:
        found.close()


class _Copy:
    """A target, and the one thread that writes to it."""

    def __init__(self, database: Database, copy: str) -> None:
        self._database = database
        self._copy = copy
        self._target = parse(copy)
        self._thread = ThreadPoolExecutor(1, "entrepot-copy")
        self._written: Link = (0, "")
        """What the target has; where that cannot be noted, it gets none of it again and again."""

    def close(self) -> None:
        """Let the thread close the target, when it has done what it may be doing now."""
        self._thread.submit(self._target.close)
        self._thread.shutdown(wait=False)

    async def run(self, run: Run) -> None:
        """Follow the table; what is wrong is shown where jobs are shown."""
        failing = False
        while True:
            try:
                await self._forward()
                if failing:
                    _log.info("the audit is copied to %s again", self._copy)
                failing = False
                run.report(error="")
            except Exception as error:  # noqa: BLE001 - it is tried again
                if not failing:  # told once, not twice a second
                    text = "the audit cannot be copied to %s: %s; it is tried again"
                    _log.error(text, self._copy, error)
                failing = True
                run.report(error=f"it cannot be copied: {error}")
            await asyncio.sleep(SECONDS)

    async def _forward(self) -> None:
        """Bring the target up to the newest row."""
        name, loop = marker(self._copy), asyncio.get_running_loop()
        while (last := await self._database.read(partial(_behind, name=name))) is not None:
            if self._written[0] <= last:
                self._written = await loop.run_in_executor(self._thread, self._write, last)
            await self._database.note(partial(audit.mark, name=name, link=self._written))

    def _write(self, last: int) -> Link:
        found = self._database.ask(partial(entries.following, number=last, limit=_PAGE))
        self._target.write(found)
        return found[-1].link


def _behind(db: Connection, name: str) -> int | None:
    """The row that the copy has come to; None where that is the newest."""
    last, _ = audit.marked(db, name)
    return last if audit.head(db)[0] > last else None
