"""`move`: what happens in which order.

Until the freeze the source notices nothing, and any failure leaves it as it was. After it the
source serves reads alone, also where the move is cut: then it is run again, or given up by a thaw.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from entrepot.db import keyed, moving, pieces, tables
from entrepot.db.audit import By
from entrepot.db.chain import Chain
from entrepot.db.connection import Connection
from entrepot.db.place import Place
from entrepot.upkeep.moving import objects, rows
from entrepot.upkeep.moving.end import End, MoveError, check_source, claim
from entrepot.upkeep.moving.objects import Objects
from entrepot.upkeep.moving.rows import Sum

_BY = By("entrepot", via="db copy")
_SHOWN = 5


class Show(Protocol):
    """Shows how far it has come."""

    def begin(self, what: str, total: int, unit: str) -> None:
        """A step begins, of so many bytes or rows."""

    def add(self, count: int) -> None:
        """So many more are done; any thread may say so."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What was done."""

    rows: int
    objects: int
    """How many were written; others were there already."""
    bytes: int
    """Of all objects."""


def move(
    source: End, target: End, seen_by_target: Place, show: Show, *, verify: bool = False
) -> Moved:
    """Copy the registry at `source` to an empty `target`, and leave the source frozen.

    `seen_by_target` is the source's database with the target's keys. `verify` reads all objects
    again. Raises `MoveError`, `SchemaError`, `StoreError`, `sqlite3.Error`.
    """
    check_source(source, seen_by_target)
    claim(target, str(source))
    copying = Objects(source.store, target.store, show.add)
    if target.blobs != source.blobs:
        with source.reading() as db:
            show.begin("copying objects, pushes go on", pieces.settled_bytes(db), "bytes")
            copying.copy(db)
    with source.writing() as db, db.exclusive():
        moving.freeze(db, str(target), _BY)
    source.place.announce()
    with source.reading() as db, db.snapshot():  # the audit of pulls goes on meanwhile
        size = pieces.settled_bytes(db)
        if target.blobs != source.blobs:
            show.begin("copying what came meanwhile", size, "bytes")
            copying.copy(db)
        sums = _copy_rows(db, target, show)
    strange = _compare(target, sums, show)
    if verify:
        _verify(target, size, show)
    with target.writing() as db, db.exclusive():
        if target.blobs != source.blobs:
            pieces.throw_away(db, strange, "it was copied, and deleted at the source meanwhile")
        moving.finish(db, _BY)
    return Moved(sum(each.rows for each in sums.values()), copying.copied, size)


def _copy_rows(db: Connection, target: End, show: Show) -> dict[str, Sum]:
    total = sum(tables.count(db, table) for table in tables.tables())
    show.begin("copying tables", total, "rows")
    with target.writing() as new:
        rows.empty(new)
        return rows.copy(db, new, show.add)


def _compare(target: End, wanted: dict[str, Sum], show: Show) -> list[tuple[str, int]]:
    """Raise where the target does not hold what was copied; objects that it holds beside that."""
    with target.reading() as db:
        show.begin("comparing tables", sum(each.rows for each in wanted.values()), "rows")
        found = rows.sums(db, show.add)
        other = [name for name, each in wanted.items() if found[name] != each]
        _must_be_none(other, "these tables differ at the target")
        compared = objects.compare(db, target.store)
        _must_be_none(compared.missing, "these objects are missing at the target")
        keyed.check(db)
    faults = Chain(target.place.connect_to_read).faults()
    _must_be_none(faults, "the audit does not verify at the target")
    return compared.strange


def _verify(target: End, size: int, show: Show) -> None:
    """Read all objects at the target."""
    show.begin("reading all objects again", size, "bytes")
    with target.reading() as db:
        found = objects.unlike(db, target.store, show.add)
        _must_be_none(found, "these blobs do not match their digests at the target")


def _must_be_none(faults: Iterator[str] | list[str], what: str) -> None:
    found = list(faults)
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise MoveError(f"{what}: {', '.join(found[:_SHOWN])}{more}")
