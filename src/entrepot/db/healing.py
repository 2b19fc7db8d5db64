"""Healing: what lies in quarantine and turned out to be whole goes back to where it was.

A disk may have been away, or an object have come back with a backup. Next: `db.quarantine`.
"""

from dataclasses import replace

from entrepot.db import quarantine
from entrepot.db.audit import By
from entrepot.db.changes import Change, Kind, record
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece
from entrepot.db.quarantine import Kept


def lying(db: Connection, lost: Kept) -> tuple[int, Kept] | None:
    """What was put aside last of something that is lost now: its row, and how it was kept."""
    row = db.execute(
        "select id, content, key from quarantine where kind = ? and digest = ? "
        "and (repository is null or repository = ?) order by id desc limit 1",
        (lost.kind.value, lost.digest, lost.repository),
    ).fetchone()
    if row is None:
        return None
    number, content, key = row
    rows = db.execute(
        "select name, size, key, data_key from quarantined_piece where quarantine = ? "
        "order by number",
        (number,),
    )
    pieces = tuple(Piece(*each) for each in rows)
    if not content and not pieces:
        return None
    return number, replace(lost, content=content, key=key, pieces=pieces)


def take_back(db: Connection, number: int, lost: Kept, by: By) -> bool:
    """Have it as it was. False, and nothing is changed, where either is not so any more."""
    found = lying(db, lost)
    if found is None or found[0] != number or quarantine.again(db, lost) != lost:
        return False
    if lost.kind is quarantine.Kind.MANIFEST and found[1].key != lost.key:
        return False  # its annotations have a newer key already; it is tried again when both have
    _put_back(db, number, found[1])
    db.execute("delete from quarantine where id = ?", (number,))
    for name in quarantine.repositories(db, lost):
        record(db, Change(Kind.RESTORED, name, lost.digest, new=lost.digest, by=by))
    return True


def _put_back(db: Connection, number: int, found: Kept) -> None:
    if found.kind is quarantine.Kind.MANIFEST:
        db.execute("update manifest set content = ? where id = ?", (found.content, found.id))
    elif found.content is not None:
        db.execute(
            "update blob set content = ?, key = ?, object = null where id = ?",
            (found.content, found.key, found.id),
        )
    else:
        db.execute(
            "insert into piece (name, object, number, size, key, data_key, started_at) "
            "select p.name, ?, p.number, p.size, p.key, p.data_key, q.found_at "
            "from quarantined_piece p join quarantine q on q.id = p.quarantine "
            "where p.quarantine = ?",
            (found.object, number),
        )
        db.execute("delete from quarantined_piece where quarantine = ?", (number,))
