"""The scrub: all that is stored is read again, slowly, and compared with its digest.

What does not match is read once more, and then put into quarantine (`db.quarantine`). A store that
does not answer, or a key that is not there, says nothing about any blob: the pass stops, and goes
on later where it was. So it does after a kill.
"""

import asyncio
import logging
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from entrepot.blobstore.store import Store, is_damage
from entrepot.db import gauges, quarantine
from entrepot.db.database import Database
from entrepot.db.pieces import Piece
from entrepot.db.quarantine import Kept, Kind
from entrepot.db.sealed import Sealed
from entrepot.encryption import envelope
from entrepot.encryption.envelope import BrokenSealError
from entrepot.encryption.keys import Keyring
from entrepot.observe.metrics import SCRUB_BYTES, SCRUB_DAMAGED, Metrics
from entrepot.oci.digest import Digest, hasher
from entrepot.oci.errors import OCIError
from entrepot.oci.ranges import Span
from entrepot.upkeep.job import JobError, Run

JOB = "scrub"
RATE = 20 * 1024 * 1024
"""Bytes a second."""

_PAGES = {Kind.BLOB: 50, Kind.MANIFEST: 10}
"""Rows that are fetched at once: a small blob has 16 KiB, a manifest up to 4 MiB."""
_MOST_DOUBTFUL = 20

MISSING = "its object is missing"

_log = logging.getLogger("entrepot.upkeep")


class SuspiciousError(JobError):
    """So much is missing that rather the store is not the right one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a pass has come to, as its cursor says."""

    kind: Kind = Kind.BLOB
    last: int = 0
    """The row that was compared last."""
    items: int = 0
    """Compared so far."""
    damaged: int = 0
    """Of those, what did not match."""

    @classmethod
    def parse(cls, cursor: str) -> Self:
        """Read what `str` writes; "" begins."""
        if not cursor:
            return cls()
        kind, *numbers = cursor.split()
        return cls(Kind(kind), *map(int, numbers))

    def __str__(self) -> str:
        return f"{self.kind} {self.last} {self.items} {self.damaged}"

    @property
    def note(self) -> str:
        """For people."""
        return f"{self.items} compared, {self.damaged} damaged"


class Pace:
    """Bytes a second, and no faster after a rest."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._free_at = time.monotonic()

    def owed(self, size: int) -> float:
        """Seconds to wait now that so many bytes were read."""
        now = time.monotonic()
        self._free_at = max(now, self._free_at) + size / self._rate
        return self._free_at - now


class Examiner:
    """Reads content and compares it, in a thread."""

    def __init__(self, store: Store, keyring: Keyring, rate: float = RATE) -> None:
        self._store = store
        self._keyring = keyring
        self._pace = Pace(rate)
        self.stopped = threading.Event()
        self.bytes = 0

    def fault(self, found: Kept) -> str:
        """Why something is damaged; "" where it is as it should be. Raises StoreError, and other
        errors that say nothing about it.
        """
        try:
            why = self._fault(found)
            return why and self._fault(found)  # a memory or a network that errs does so once
        except InterruptedError:  # stopped: nobody waits for an answer
            return ""

    def _fault(self, found: Kept) -> str:
        if found.empty:
            return "its bytes are lost"
        try:
            wanted = Digest.parse(found.digest)
            right = self._digest(found, wanted.algorithm) == wanted
        except FileNotFoundError:
            return MISSING
        except EOFError as error:
            return str(error) or "its object is cut short"
        except (BrokenSealError, OCIError) as error:
            return str(error)
        except OSError as error:
            if not is_damage(error):
                raise
            return f"its object cannot be read: {error.strerror}"
        return "" if right else "its bytes do not match the digest"

    def _digest(self, found: Kept, algorithm: str) -> Digest:
        hashed = hasher(algorithm)
        if found.content is not None:
            hashed.update(self._opened(found, found.content))
            self._rest(len(found.content))
        for piece in found.pieces:
            for stride in self._store.read(piece, Span(0, piece.size)):
                hashed.update(stride)
                self._rest(len(stride))
        return Digest(algorithm, hashed.hexdigest())

    def _opened(self, found: Kept, content: bytes) -> bytes:
        if found.key is None:
            return content
        what = Sealed.MANIFEST if found.kind is Kind.MANIFEST else Sealed.BLOB
        return envelope.unseal(self._keyring.find(found.key), (what, found.digest), content)

    def _rest(self, size: int) -> None:
        self.bytes += size
        if self.stopped.wait(self._pace.owed(size)):
            raise InterruptedError


class Scrub:
    """A pass over everything, by one process."""

    def __init__(
        self, database: Database, store: Store, metrics: Metrics, rate: float = RATE
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._store = store
        self._examiner = Examiner(store, database.keyring, rate)
        self._good: Piece | None = None
        self._doubtful: list[Kept] = []
        """Missing, as it seems; but nothing was found there yet."""

    async def run(self, run: Run) -> None:
        """Begin a pass, or go on with the one that was cut, and end it."""
        mark = Mark.parse(run.cursor)
        if not run.cursor:
            run.report(total=await self._database.scan(quarantine.total))
        try:
            for kind in list(Kind)[list(Kind).index(mark.kind) :]:
                mark = await self._all(run, mark if kind is mark.kind else _next(mark, kind))
            if self._doubtful:
                raise self._suspicious()
        except SuspiciousError:
            run.report(cursor="")  # or what is missing would not be looked at again
            raise
        finally:
            damaged = await self._database.read(quarantine.damaged)
            await self._database.note(partial(gauges.put, values={SCRUB_DAMAGED: damaged}))

    async def _all(self, run: Run, mark: Mark) -> Mark:
        page = partial(quarantine.after, kind=mark.kind, limit=_PAGES[mark.kind])
        while found := await self._database.read(partial(page, last=mark.last)):
            for each in found:
                damaged = mark.damaged + await self._examine(each)
                mark = replace(mark, last=each.id, items=mark.items + 1, damaged=damaged)
                size, self._examiner.bytes = self._examiner.bytes, 0
                self._metrics.add(SCRUB_BYTES, size)
                # What is in doubt is looked at again where it ends before that is settled.
                cursor = None if self._doubtful else str(mark)
                run.report(run.now.done + size, note=mark.note, cursor=cursor)
        return mark

    async def _examine(self, found: Kept) -> int:
        """How much turned out to be damaged, and is in quarantine now."""
        why = await _aside(self._examiner, found)
        if why == MISSING and not await self._answers():
            self._doubtful.append(found)
            if len(self._doubtful) >= _MOST_DOUBTFUL:
                raise self._suspicious()
            return 0
        if why:
            return await self._quarantine(found, why)
        if not found.pieces:
            return 0
        self._good, doubtful, self._doubtful = found.pieces[0], self._doubtful, []
        return sum([await self._quarantine(each, MISSING) for each in doubtful])

    async def _answers(self) -> bool:
        """Whether an object that was there a moment ago still is: else all might seem missing."""
        if self._good is None:
            return False
        return await asyncio.to_thread(self._store.size, self._good) is not None

    def _suspicious(self) -> SuspiciousError:
        return SuspiciousError(
            f"{len(self._doubtful)} objects are missing, and none was found: is this the right "
            "store? entrepot check says what is missing"
        )

    async def _quarantine(self, found: Kept, why: str) -> int:
        aside = partial(quarantine.quarantine, found=found, why=why)
        if not await self._database.write(aside):
            return 0  # deleted, exchanged or healed meanwhile; or put aside long ago
        _log.error("%s %s is damaged, and in quarantine: %s", found.kind, found.digest, why)
        return 1


async def _aside(examiner: Examiner, found: Kept) -> str:
    """In a thread, which is stopped where the process ends."""
    running = asyncio.get_running_loop().run_in_executor(None, examiner.fault, found)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        examiner.stopped.set()
        await asyncio.wait([running])
        raise


def _next(mark: Mark, kind: Kind) -> Mark:
    return replace(mark, kind=kind, last=0)
