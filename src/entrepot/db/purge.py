"""Purging: what lay in the trash goes for good, a bounded part of it in each transaction.

Cut anywhere, it goes on: an item whose time is up can no longer be restored, and its row goes last.
"""

from collections.abc import Iterable

from entrepot.db import audit, blobs, quotas, running, trash
from entrepot.db.audit import By, Event
from entrepot.db.connection import Connection
from entrepot.db.trash import Item, Kind, Place

EXPIRED = "trash expire"
"""The action of the row that says what the collector purged."""

_COLLECTOR = By("entrepot", via="trash")


def expire(db: Connection, items: Iterable[Item]) -> list[Item]:
    """Of items whose time is up, end those that nothing needs, and write that down; what runs in a
    cluster can be restored for another day.
    """
    found = []
    for item in items:
        if item.until > 0:  # else somebody has ended it, and written that down
            if running.in_trash(db, item):
                trash.postpone(db, item)
                continue
            name, reference = item.repository.name, item.reference
            audit.append(db, Event(EXPIRED, _COLLECTOR, name, reference, item.digest))
        found.append(trash.end(db, item))
    return found


def purge(db: Connection, item: Item, limit: int) -> bool:
    """Delete so many of its manifests, or so many of its links; whether nothing is left.

    The item must have been ended (`trash.end`).
    """
    place = trash.hidden(db, item)
    if place is not None and (_manifests(db, place, limit) or _links(db, place, limit)):
        return False
    if place is not None:
        db.execute("delete from tag where repository = ?", (place[0],))
        db.execute("delete from repository where id = ?", (place[0],))
    db.execute("delete from trash where id = ?", (item.id,))
    if item.kind is Kind.MANIFEST:
        _forget(db, item)
    return True


def _forget(db: Connection, item: Item) -> None:
    """What was said of a manifest goes with it, unless it is here again; that it is bad stays."""
    for table in ("approval", "report"):
        db.execute(
            f"delete from {table} where digest = :digest and repository in "
            "(select r.id from repository r where r.name = :name and not exists (select 1 "
            "from manifest m where m.repository = r.id and m.digest = :digest))",
            {"digest": item.digest, "name": item.repository.name},
        )


def _manifests(db: Connection, place: Place, limit: int) -> int:
    rows = db.execute(
        "select id, size from manifest where repository = ? limit ?", (place[0], limit)
    ).fetchall()
    if rows:
        db.executemany("delete from edge where manifest = ?", ((row[0],) for row in rows))
        db.executemany("delete from manifest where id = ?", ((row[0],) for row in rows))
        quotas.charge(db, place[1].project, size=-sum(row[1] for row in rows))
    return len(rows)


def _links(db: Connection, place: Place, limit: int) -> int:
    rows = db.execute(
        "select x.blob, b.size, b.object from repository_blob x join blob b on b.id = x.blob "
        "where x.repository = ? limit ?",
        (place[0], limit),
    ).fetchall()
    for row in rows:
        blobs.unlink(db, place, *row)
    return len(rows)
