"""Rows that are sealed: nothing of them shows; they answer, and heal, as plain ones do."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.content import descriptor, dump, image
from tests.db.pushed import APP, OTHER, blob, log, manifest

from entrepot.db import blobs, engine, keys, manifests, referrers, uploads
from entrepot.db.engine import SQLite
from entrepot.db.keys import SigningKey
from entrepot.db.uploads import Upload
from entrepot.encryption.envelope import BrokenSealError
from entrepot.encryption.keys import EncryptionError, Keyring, MasterKey, MissingKeyError
from entrepot.oci.digest import Digest

OLD, NEW = MasterKey.new(), MasterKey.new()
PLANTED = "Planted-and-not-to-be-found"
CONFIG = f'{{"config": "{PLANTED}"}}'.encode()
DOCUMENT = image(config=CONFIG, annotations={"note": PLANTED})
SIGNED = image(
    config=CONFIG,
    subject=descriptor(dump(DOCUMENT), DOCUMENT["mediaType"]),
    annotations={"by": PLANTED},
)
KEY = SigningKey("k1", f"-----BEGIN {PLANTED}", 1.0)


@pytest.fixture
def db(folder: Path) -> Iterator[SQLite]:
    with closing(engine.connect(folder, Keyring((OLD,)))) as found:
        fill(found)
        yield found


def fill(db: SQLite) -> None:
    blob(db, CONFIG)
    for document in (DOCUMENT, SIGNED):
        manifest(db, document, "1")
    keys.add(db, KEY)
    upload = Upload("u1", APP, "sha256")
    uploads.begin(db, upload)
    uploads.advance(db, upload, replace(upload, size=len(PLANTED), content=PLANTED.encode()))


READS: dict[str, Callable[[SQLite], object]] = {
    "blob": lambda db: blobs.find(db, APP, Digest.of(CONFIG)),
    "stored": lambda db: blobs.stored(db, Digest.of(CONFIG)),
    "manifest": lambda db: manifests.find(db, APP, Digest.of(dump(DOCUMENT))),
    "referrers": lambda db: referrers.listed(
        db, APP, Digest.of(dump(DOCUMENT)), artifact_type=None, after=0, limit=9, room=999
    ),
    "upload": lambda db: uploads.find(db, APP, "u1"),
    "signing keys": keys.every,
}


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_it_answers_as_plain_rows_do(
    db: SQLite, tmp_path: Path, ask: Callable[..., object]
) -> None:
    engine.prepare(tmp_path / "plain")
    with closing(engine.connect(tmp_path / "plain")) as plain:
        fill(plain)
        assert ask(db) == ask(plain)
        assert PLANTED in str(ask(db))


def test_nothing_of_it_shows(db: SQLite, folder: Path) -> None:
    assert PLANTED not in "\n".join(db.iterdump())
    for file in folder.iterdir():
        assert PLANTED.encode() not in file.read_bytes(), file
    assert (folder / f"{engine.FILE}-wal").stat().st_size > 10_000


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_without_the_key(db: SQLite, ask: Callable[[SQLite], object]) -> None:
    for ring in (Keyring(), Keyring((NEW,))):
        db.keyring = ring
        with pytest.raises(MissingKeyError, match=OLD.id):
            ask(db)


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_another_key_of_that_name(db: SQLite, ask: Callable[[SQLite], object]) -> None:
    db.keyring = Keyring((MasterKey(OLD.id, NEW.secret),))
    with pytest.raises(BrokenSealError, match=OLD.id):
        ask(db)


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_keys_that_came_before_still_open(db: SQLite, ask: Callable[[SQLite], object]) -> None:
    before = ask(db)
    db.keyring = Keyring((NEW, OLD))
    assert ask(db) == before


def test_rows_from_before_there_was_a_key(folder: Path) -> None:
    with closing(engine.connect(folder)) as db:
        fill(db)
        before = [ask(db) for ask in READS.values()]
        db.keyring = Keyring((NEW,))
        assert [ask(db) for ask in READS.values()] == before
        blob(db, b"after")
        found = db.execute("select digest, key from blob").fetchall()
        assert set(found) == {(str(Digest.of(CONFIG)), None), (str(Digest.of(b"after")), NEW.id)}


def exchange(table: str, columns: str, found_by: str) -> Callable[[SQLite], None]:
    """Put one row's sealed values into another row of its table."""

    def spoil(db: SQLite) -> None:
        one, two = (row for (row,) in db.execute(f"select {found_by} from {table} limit 2"))
        db.execute(
            f"update {table} set ({columns}) = (select {columns} from {table} "
            f"where {found_by} = ?) where {found_by} = ?",
            (one, two),
        )

    return spoil


def test_a_value_opens_in_its_own_row_only(db: SQLite) -> None:
    blob(db, b"another")
    exchange("blob", "content, key", "digest")(db)
    exchange("manifest", "content, annotations, key", "digest")(db)
    broken = 0
    for digest in (CONFIG, b"another"):
        try:
            blobs.find(db, APP, Digest.of(digest))
        except EncryptionError:
            broken += 1
    for document in (DOCUMENT, SIGNED):
        try:
            manifests.find(db, APP, Digest.of(dump(document)))
        except EncryptionError:
            broken += 1
    assert broken == 2


def test_the_same_again_changes_nothing(db: SQLite) -> None:
    kept = "select content, key from blob union all select content, key from manifest"
    before, logged = db.execute(kept).fetchall(), len(log(db))
    blob(db, CONFIG)
    manifest(db, SIGNED, "1")
    assert db.execute(kept).fetchall() == before
    assert len(log(db)) == logged


SPOILED = {
    "other bytes": "update {table} set content = zeroblob(100)",
    "no bytes": "update {table} set content = zeroblob(0)",
    "a key that is gone": "update {table} set key = 'gone'",
    "plain, it says": "update {table} set key = null",
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_pushing_again_heals(db: SQLite, spoil: str) -> None:
    before = [ask(db) for ask in READS.values()]
    for table in ("blob", "manifest"):
        db.execute(spoil.format(table=table))
    blob(db, CONFIG)
    manifest(db, DOCUMENT)
    manifest(db, SIGNED)
    assert [ask(db) for ask in READS.values()] == before
    assert PLANTED not in "\n".join(db.iterdump())


def test_a_blob_of_two_repositories_is_one_row(db: SQLite) -> None:
    blob(db, CONFIG, OTHER)
    found = blobs.find(db, OTHER, Digest.of(CONFIG))
    assert found is not None
    assert found.content == CONFIG
