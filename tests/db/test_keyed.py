"""Which key something is sealed by, whether it is here, and sealing anew."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.db.pushed import settled
from tests.db.test_sealed import NEW, OLD, PLANTED, READS, clear, fill, give, rows

from entrepot.db import engine, keyed, pieces
from entrepot.db.connection import Connection
from entrepot.db.keyed import TABLES, Usage, WrongKeyError
from entrepot.db.pieces import Piece
from entrepot.encryption.keys import MasterKey
from entrepot.encryption.segments import DataKey

TABLE_NAMES = [table.name for table in TABLES]


@pytest.fixture
def filled(db: Connection) -> Connection:
    """All kinds of what is sealed by OLD, and a piece."""
    give(db, OLD)
    fill(db)
    piece = Piece.new(db.keyring)
    pieces.begin(db, "o1", piece)
    assert pieces.settle(db, "o1", replace(piece, size=70_000))
    return db


def reseal(db: Connection) -> list[str]:
    """All of it, in small steps."""
    said = []
    for table in TABLES:
        last = None
        while rows := keyed.stale(db, table, last, 2):
            said += keyed.reseal(db, table, rows)
            last = rows[-1]
    return said


def keys_in_use(db: Connection) -> set[str | None]:
    return {usage.key for usage in keyed.usage(db)}


def test_usage(filled: Connection) -> None:
    settled(filled, "o2", "plain", 5)
    found = list(keyed.usage(filled))
    assert [each.table for each in found] == [
        "manifest", "blob", "upload", "signing_key", "piece", "piece",
    ]  # fmt: skip
    assert found[1] == Usage("blob", OLD.id, 1, filled_size(filled))
    assert found[-2:] == [Usage("piece", None, 1, 5), Usage("piece", OLD.id, 1, 70_000)]
    assert keyed.used(filled) == [OLD.id]


def filled_size(db: Connection) -> int:
    return int(db.execute("select size from blob").fetchone()[0])


def test_sealing_anew(filled: Connection) -> None:
    before = [ask(filled) for ask in READS.values()]
    (piece,) = pieces.of(filled, "o1")
    assert piece.data_key is not None
    data_key = DataKey.unwrap(OLD, piece.name, piece.data_key)
    give(filled, NEW, OLD)
    assert reseal(filled) == []
    assert keys_in_use(filled) == {NEW.id}
    give(filled, NEW)
    assert [ask(filled) for ask in READS.values()] == before
    (piece,) = pieces.of(filled, "o1")
    assert piece.data_key is not None
    assert DataKey.unwrap(NEW, piece.name, piece.data_key) == data_key
    keyed.check(filled)
    assert [keyed.stale(filled, table, None, 9) for table in TABLES] == [[]] * len(TABLES)


def test_what_lay_plain(folder: Path) -> None:
    """It is sealed, too, and then nothing of it is left in the files."""
    with closing(engine.connect(folder)) as db:
        fill(db)
        before = [ask(db) for ask in READS.values()]
        assert keys_in_use(db) == {None}
        assert PLANTED in rows(db)
        give(db, NEW)
        assert reseal(db) == []
        assert keys_in_use(db) == {NEW.id}
        assert [ask(db) for ask in READS.values()] == before
        db.execute("pragma wal_checkpoint(truncate)")
        assert PLANTED not in rows(db)
        for file in folder.iterdir():
            assert PLANTED.encode() not in file.read_bytes(), file


def test_plain_objects_have_no_key_to_be_wrapped(filled: Connection) -> None:
    settled(filled, "o2", "plain", 5)
    assert keyed.stale(filled, keyed.OBJECTS, None, 9) == []


def test_without_a_key_nothing_is_stale(filled: Connection) -> None:
    give(filled)
    assert [keyed.stale(filled, table, None, 9) for table in TABLES] == [[]] * len(TABLES)


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_what_does_not_open_stays_and_is_told(filled: Connection, table: str) -> None:
    filled.execute(f"update {table} set key = 'gone'")
    give(filled, NEW, OLD)
    said = reseal(filled)
    assert said
    assert all("gone" in why for why in said)
    assert keys_in_use(filled) == {NEW.id, "gone"}


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_a_key_that_is_not_here(filled: Connection, table: str) -> None:
    filled.execute(f"update {table} set key = 'gone'")
    with pytest.raises(WrongKeyError, match="the key gone, which is not among those"):
        keyed.check(filled)
    give(filled, NEW)
    with pytest.raises(WrongKeyError, match=f"the keys {OLD.id}, gone|the keys gone, {OLD.id}"):
        keyed.check(filled)


def test_another_key_of_that_id(filled: Connection) -> None:
    keyed.check(filled)
    give(filled, NEW, MasterKey(OLD.id, MasterKey.new().secret))
    with pytest.raises(WrongKeyError, match=f"the key {OLD.id} does not open .* another one"):
        keyed.check(filled)


def test_a_spoiled_row_is_no_wrong_key(filled: Connection) -> None:
    for table in ("manifest", "blob"):
        filled.execute(f"update {table} set content = ?", (bytes(100),))
    keyed.check(filled)


def test_a_key_under_its_fingerprint(filled: Connection) -> None:
    """It came without an id, and was given one later."""
    give(filled, MasterKey("main", OLD.secret))
    keyed.check(filled)
    assert all(ask(filled) for ask in READS.values())
    assert reseal(filled) == []
    assert keys_in_use(filled) == {"main"}


@pytest.mark.parametrize("table", TABLES, ids=TABLE_NAMES)
def test_a_row_that_changed_meanwhile_is_left_alone(filled: Connection, table: keyed.Table) -> None:
    """Whoever walks over the rows has seen it before, and it is gone or sealed by now."""
    give(filled, NEW, OLD)
    rows = keyed.stale(filled, table, None, 9)
    assert rows
    assert reseal(filled) == []
    kept = filled.execute(f"select * from {table.name}").fetchall()
    assert keyed.reseal(filled, table, rows) == []
    assert filled.execute(f"select * from {table.name}").fetchall() == kept
    clear(filled)
    assert keyed.reseal(filled, table, rows) == []
