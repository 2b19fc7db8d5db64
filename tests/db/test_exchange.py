"""Encrypted objects take the place of plain ones, or nothing changes at all."""

from collections.abc import Callable

import pytest
from tests.db.pushed import APP, garbage, settled

from entrepot.db import blobs, exchange, pieces
from entrepot.db.blobs import Blob
from entrepot.db.connection import Connection
from entrepot.db.exchange import Plain
from entrepot.db.pieces import Piece
from entrepot.encryption.keys import Keyring, MasterKey
from entrepot.oci.digest import Digest

RING = Keyring((MasterKey.new(),))
OWNER, OTHER = "1" * 32, "2" * 32
DIGEST = Digest.of(b"0123456789")


def lay(db: Connection, owner: str = OWNER, digest: Digest = DIGEST) -> tuple[Piece, Piece]:
    """A blob of ten bytes in two plain pieces."""
    one, two = settled(db, owner, f"{owner}a", 4), settled(db, owner, f"{owner}b", 6)
    blobs.add(db, APP, digest, Blob(10, None, owner), renew=False)
    return one, two


def begun(db: Connection, size: int, owner: str = OWNER) -> Piece:
    """An encrypted piece that was written, and stands open."""
    piece = Piece.new(RING)
    pieces.begin(db, owner, piece)
    return Piece(piece.name, size, piece.key, piece.data_key)


def test_what_lies_plain(db: Connection) -> None:
    assert exchange.plain(db, "", 9) == []
    one = lay(db)
    two = lay(db, OTHER, Digest.of(b"other"))
    settled(db, "an upload", "c", 100)
    wanted = [Plain(OWNER, DIGEST, one), Plain(OTHER, Digest.of(b"other"), two)]
    assert exchange.plain(db, "", 9) == wanted
    assert exchange.plain(db, "", 1) == wanted[:1]
    assert exchange.plain(db, OWNER, 9) == wanted[1:]
    assert exchange.plain_bytes(db) == 20


@pytest.mark.parametrize("linger", [False, True])
def test_an_exchange(db: Connection, *, linger: bool) -> None:
    old = lay(db)
    new = begun(db, 4), begun(db, 6)
    assert exchange.exchange(db, OWNER, list(zip(old, new, strict=True)), linger=linger)
    found = blobs.find(db, APP, DIGEST)
    assert found is not None
    assert found.pieces == new
    assert exchange.plain(db, "", 9) == []
    assert exchange.plain_bytes(db) == 0
    assert garbage(db) == ([] if linger else [piece.name for piece in old])
    assert set(pieces.stale(db, -1, 9)) == ({piece.name for piece in old} if linger else set())
    blobs.remove(db, APP, DIGEST)
    assert set(garbage(db)) == {piece.name for piece in (*new, *(() if linger else old))}


def test_one_piece_of_two(db: Connection) -> None:
    one, two = lay(db)
    new = begun(db, 4)
    assert exchange.exchange(db, OWNER, [(one, new)], linger=False)
    assert pieces.of(db, OWNER) == (new, two)
    assert exchange.plain(db, "", 9) == [Plain(OWNER, DIGEST, (new, two))]
    assert exchange.plain_bytes(db) == 6


def deleted(db: Connection, _new: Piece) -> None:
    blobs.remove(db, APP, DIGEST)


def renewed(db: Connection, _new: Piece) -> None:
    settled(db, OTHER, "c", 10)
    blobs.add(db, APP, DIGEST, Blob(10, None, OTHER), renew=True)


def given_up(db: Connection, new: Piece) -> None:
    pieces.drop(db, new.name, "test")


@pytest.mark.parametrize("meanwhile", [deleted, renewed, given_up])
def test_where_something_does_not_stand_any_more_nothing_changes(
    db: Connection, meanwhile: Callable[[Connection, Piece], None]
) -> None:
    one, two = lay(db)
    new = begun(db, 4), begun(db, 6)
    meanwhile(db, new[1])
    before = db.execute("select * from piece order by name").fetchall()
    pairs = [(one, new[0]), (two, new[1])]
    assert not exchange.exchange(db, OWNER, pairs, linger=False)
    assert db.execute("select * from piece order by name").fetchall() == before


def test_an_exchange_is_made_once(db: Connection) -> None:
    one, _ = lay(db)
    first, second = begun(db, 4), begun(db, 4)
    assert exchange.exchange(db, OWNER, [(one, first)], linger=True)
    assert not exchange.exchange(db, OWNER, [(one, second)], linger=True)
    assert pieces.of(db, OWNER)[0] == first


def test_another_blobs_piece(db: Connection) -> None:
    one, _ = lay(db)
    assert not exchange.exchange(db, OTHER, [(one, begun(db, 4))], linger=False)
    assert not exchange.exchange(db, OWNER, [(one, begun(db, 4, OTHER))], linger=False)
