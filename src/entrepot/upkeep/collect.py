"""The collector: manifests and blobs that nothing keeps go, while everybody pushes and pulls.

What goes is looked up, looked at again and taken away in one transaction, under the lock that
every push takes: so nothing goes that a manifest has come to need meanwhile. Each takes a few rows,
and then the collector rests as long as it took. Whatever goes wrong ends the round: nothing is
deleted on doubt. Next: `garbage` says beforehand what would go.
"""

import asyncio
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache, partial

from entrepot.db import blobs, idle, links, manifests, repositories, running
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.idle import Why
from entrepot.db.terms import Terms
from entrepot.db.trash import Keep
from entrepot.db.writer import Write
from entrepot.oci.digest import Digest

_PAGE = 100
"""Rows of one transaction."""

_BY = By("entrepot", via="collector")


@dataclass(slots=True)
class Collected:
    """What a round took."""

    uploads: int = 0
    """That nobody went on with."""
    manifests: int = 0
    """Moved to the trash."""
    purged: int = 0
    """Things in the trash whose time was up."""
    links: int = 0
    """Blobs that a repository had for nothing."""
    blobs: int = 0
    """Those that no other had either, and so went for good."""
    bytes: int = 0
    """Of those."""
    objects: int = 0
    """Deleted from the store."""

    def __str__(self) -> str:
        took = {name: count for name, count in asdict(self).items() if count}
        return ", ".join(f"{count} {name}" for name, count in took.items())


async def collect_idle(
    database: Database, terms: Terms, total: Collected | None = None
) -> Collected:
    """Take away what was idle for longer than its terms, and count that."""
    total = total or Collected()
    for why, seconds in ((Why.ORPHANED, terms.orphaned), (Why.UNTAGGED, terms.untagged)):
        if seconds:
            await _repeat(database, partial(_sweep_manifests, total=total, why=why, terms=terms))
    await _repeat(database, partial(_sweep_links, total=total, grace=terms.grace))
    return total


async def _repeat(database: Database, step: Write[int]) -> None:
    """Make transactions until one finds less than it could take."""
    looked = _PAGE
    while looked == _PAGE:
        began = time.monotonic()
        looked = await database.write(step, large=True)
        await asyncio.sleep(time.monotonic() - began)


def _sweep_manifests(db: Connection, total: Collected, why: Why, terms: Terms) -> int:
    seconds = terms.orphaned if why is Why.ORPHANED else terms.untagged
    found = idle.overdue(db, why, time.time() - seconds, _PAGE)
    runs = cache(partial(running.of, db))  # what goes here is nothing that it depends on
    for each in found:
        if each.kept:
            idle.settle(db, each)
            continue
        if runs(each.repository).of(each.digest):
            idle.postpone(db, each)
            continue
        keep = Keep(terms.trash, reason(why, each.since))
        digest = Digest.parse(each.digest)
        manifests.remove(db, each.repository, digest, keep=keep, by=_BY)
        total.manifests += 1
    return len(found)


def reason(why: Why, since: float) -> str:
    """Why a manifest goes."""
    day = datetime.fromtimestamp(since, UTC).date()
    if why is Why.ORPHANED:
        return f"its index or subject was deleted on {day}, and nothing else keeps it"
    return f"no tag, index or subject keeps it since {day}"


def _sweep_links(db: Connection, total: Collected, grace: float) -> int:
    found = links.overdue(db, time.time() - grace, _PAGE)
    for link in found:
        if link.needed:
            links.settle(db, link)
            continue
        freed = blobs.unlink(db, link.repository, link.blob, link.size, link.object)
        total.links += 1
        total.blobs += freed is not None
        total.bytes += freed or 0
        repositories.prune(db, link.repository[0])
    return len(found)
