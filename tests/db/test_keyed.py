"""Which key something is sealed by, whether it is here, and sealing anew."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.content import descriptor, dump, image
from tests.db.pushed import APP, blob, manifest, settled
from tests.db.test_sealed import (
    CONFIG,
    NEW,
    OLD,
    PLANTED,
    READS,
    SIGNED,
    clear,
    fill,
    give,
    rows,
)

from entrepot.db import blobs, engine, keyed, manifests, pieces, quarantine, referrers
from entrepot.db.blobs import Blob
from entrepot.db.connection import Connection
from entrepot.db.keyed import TABLES, Usage, WrongKeyError
from entrepot.db.pieces import Piece
from entrepot.encryption import envelope
from entrepot.encryption.keys import MasterKey
from entrepot.encryption.segments import DataKey
from entrepot.oci.digest import Digest

ASIDE = image(
    config=CONFIG,
    subject=descriptor(dump(SIGNED), SIGNED["mediaType"]),
    annotations={"aside": PLANTED},
)
TABLE_NAMES = [table.name for table in TABLES]


@pytest.fixture
def filled(db: Connection) -> Connection:
    """All kinds of what is sealed by OLD, and a piece."""
    give(db, OLD)
    fill(db)
    piece = Piece.new(db.keyring)
    pieces.begin(db, "o1", piece)
    assert pieces.settle(db, "o1", replace(piece, size=70_000))
    put_aside(db)
    return db


def put_aside(db: Connection) -> None:
    """Of each kind something that lies in quarantine."""
    digest, piece = Digest.of(b"large"), Piece.new(db.keyring)
    pieces.begin(db, "o9", piece)
    assert pieces.settle(db, "o9", replace(piece, size=5))
    blobs.add(db, APP, digest, Blob(5, None, "o9"), renew=False)
    found = [quarantine.blob(db, str(each)) for each in (digest, blob(db, b"small"))]
    found += quarantine.manifests(db, str(manifest(db, ASIDE)))
    for each in found:
        assert each is not None
        assert quarantine.quarantine(db, each, "damaged")


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
        "manifest", "blob", "upload", "signing_key", "webhook", "upstream",
        "replication", "piece", "piece", "quarantine", "quarantine", "quarantined_piece",
    ]  # fmt: skip
    assert found[1] == Usage("blob", OLD.id, 1, filled_size(filled))
    assert found[7:9] == [Usage("piece", None, 1, 5), Usage("piece", OLD.id, 1, 70_000)]
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
        filled.execute(f"update {table} set content = ? where content is not null", (bytes(100),))
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


def test_what_lies_aside_comes_to_the_new_key_as_it_was(filled: Connection) -> None:
    give(filled, NEW, OLD)
    assert reseal(filled) == []
    give(filled, NEW)
    kept = filled.execute(
        "select kind, digest, content, key from quarantine where content is not null order by kind"
    ).fetchall()
    opened = [envelope.unseal(NEW, (kind, digest), found) for kind, digest, found, _ in kept]
    assert opened == [b"small", dump(ASIDE)]
    name, data_key = filled.execute("select name, data_key from quarantined_piece").fetchone()
    assert isinstance(DataKey.unwrap(NEW, name, data_key), DataKey)


def test_an_empty_manifest_stays_empty_and_its_annotations_are_shown(filled: Connection) -> None:
    """The list of referrers has them while the manifest itself is in quarantine."""
    digest, subject = Digest.of(dump(ASIDE)), Digest.of(dump(SIGNED))

    def shown() -> str:
        listed = referrers.listed(
            filled, APP, subject, artifact_type=None, after=0, limit=9, room=999
        )
        return str(listed)

    before = shown()
    assert PLANTED in before
    give(filled, NEW, OLD)
    assert reseal(filled) == []
    give(filled, NEW)
    found = manifests.find(filled, APP, digest)
    assert found is not None
    assert found.content == b""
    assert shown() == before


def test_damage_that_opens_by_no_key_is_sealed_as_it_lies(filled: Connection) -> None:
    """Else the old key would be needed for as long as that lies there."""
    filled.execute("update quarantine set content = ? where kind = 'blob'", (bytes(100),))
    keyed.check(filled)
    give(filled, NEW, OLD)
    assert reseal(filled) == []
    assert keyed.used(filled) == [NEW.id]
    digest, kept = filled.execute(
        "select digest, content from quarantine where kind = 'blob' and content is not null"
    ).fetchone()
    assert envelope.unseal(NEW, ("blob", digest), kept) == bytes(100)
