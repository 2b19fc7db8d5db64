"""Pieces: in order, given up, thrown away; and never one that a blob needs."""

from tests.db.pushed import garbage, settled

from entrepot.db import pieces
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece

A, B, C = "a" * 32, "b" * 32, "c" * 32
OWNER = "f" * 32


def test_pieces_come_in_the_order_in_which_they_were_settled(db: Connection) -> None:
    pieces.begin(db, OWNER, Piece(C))
    found = tuple(settled(db, OWNER, name, size) for name, size in [(B, 1), (A, 2)])
    assert pieces.of(db, OWNER) == found
    assert pieces.settle(db, OWNER, Piece(C, 3))
    assert pieces.of(db, OWNER) == (*found, Piece(C, 3))
    assert not pieces.settle(db, OWNER, Piece(C, 3)), "only once"


def test_an_open_piece_that_is_dropped_is_garbage(db: Connection) -> None:
    pieces.begin(db, OWNER, Piece(A))
    pieces.drop(db, A, "why")
    assert garbage(db) == [A]
    assert not pieces.settle(db, OWNER, Piece(A, 1))


def test_a_settled_piece_is_not_dropped(db: Connection) -> None:
    """Its request may fail after all was committed: who was told nothing, must lose nothing."""
    piece = settled(db, OWNER, A, 1)
    pieces.drop(db, A, "why")
    assert garbage(db) == []
    assert pieces.of(db, OWNER) == (piece,)


def test_what_was_written_under_a_name_without_a_row_is_garbage_too(
    db: Connection,
) -> None:
    """It looked stale, and was collected, while its writer slept."""
    pieces.begin(db, OWNER, Piece(A))
    pieces.drop(db, A, "stale")
    pieces.forget(db, [A])
    pieces.drop(db, A, "why")
    assert garbage(db) == [A]


def test_what_nobody_owns_any_more_is_garbage(db: Connection) -> None:
    settled(db, OWNER, A, 7)
    settled(db, "e" * 32, C, 1)
    pieces.discard(db, OWNER, "why")
    rows = db.execute("select object, size, why from garbage order by object").fetchall()
    assert rows == [(A, 7, "why")]


def test_what_is_written_goes_when_its_writer_is_done(db: Connection) -> None:
    """Collected before a store has it, it would come later, and nobody would know."""
    settled(db, OWNER, A, 7)
    pieces.begin(db, OWNER, Piece(B))
    pieces.discard(db, OWNER, "why")
    assert garbage(db) == [A]
    assert pieces.is_open(db, B)
    assert not pieces.is_open(db, A)
    pieces.drop(db, B, "why")
    assert garbage(db) == [A, B]
    assert not pieces.is_open(db, B)


def test_open_pieces_are_stale_unless_someone_writes_them(db: Connection) -> None:
    for name in (A, B):
        pieces.begin(db, OWNER, Piece(name))
    settled(db, OWNER, C, 1)
    assert pieces.stale(db, 60, 10) == []
    db.execute("update piece set started_at = started_at - 100")
    pieces.renew(db, B)
    assert pieces.stale(db, 60, 10) == [A]


def test_garbage_goes_when_it_is_forgotten(db: Connection) -> None:
    for name in (A, B, C):
        pieces.drop(db, name, "why")
        pieces.drop(db, name, "why")
    assert len(pieces.garbage(db, 2)) == 2
    pieces.forget(db, [A, C, "never there"])
    assert garbage(db) == [B]
