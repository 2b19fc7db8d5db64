"""Who fetches what, and what is left of fetches that broke off."""

from entrepot.db import fetches, pieces
from entrepot.db.connection import Connection
from entrepot.db.fetches import Begun
from entrepot.db.pieces import Piece

WHAT = "hub@sha256:" + "0" * 64
FIRST = Begun("hub/team/app", "a" * 32)


def test_one_has_the_lease(db: Connection) -> None:
    assert fetches.claim(db, WHAT, "first", 60)
    assert not fetches.claim(db, WHAT, "second", 60)
    assert fetches.is_taken(db, WHAT)
    fetches.release(db, WHAT, "second")
    assert fetches.is_taken(db, WHAT)
    fetches.release(db, WHAT, "first")
    assert fetches.claim(db, WHAT, "second", 60)


def test_what_has_come_is_told_by_who_has_the_lease(db: Connection) -> None:
    fetches.claim(db, WHAT, "first", 60)
    assert fetches.begun(db, WHAT) is None
    fetches.tell(db, WHAT, "first", FIRST, 60)
    assert fetches.begun(db, WHAT) == FIRST
    fetches.tell(db, WHAT, "second", Begun("hub/other", "b" * 32), 60)
    assert fetches.begun(db, WHAT) == FIRST


def test_what_is_left_is_for_the_next_one(db: Connection) -> None:
    fetches.tell(db, WHAT, "first", FIRST, 60)
    assert not fetches.leave(db, WHAT, "first", "b" * 32)
    assert fetches.leave(db, WHAT, "first", FIRST.piece)
    assert fetches.claim(db, WHAT, "second", 60)
    assert fetches.begun(db, WHAT) == FIRST
    fetches.take(db, WHAT, "second", FIRST.piece)
    assert fetches.begun(db, WHAT) is None
    assert fetches.is_taken(db, WHAT)


def test_what_nobody_goes_on_with_is_given_up(db: Connection) -> None:
    pieces.begin(db, "owner", Piece(FIRST.piece))
    fetches.tell(db, WHAT, "first", FIRST, 60)
    fetches.expire(db, 0)
    assert fetches.is_taken(db, WHAT)
    fetches.expire(db, -120)
    assert not fetches.is_taken(db, WHAT)
    assert not pieces.is_open(db, FIRST.piece)
    assert pieces.garbage(db, 10) == [FIRST.piece]
