"""Rows that are sealed: nothing of them shows; they answer, and heal, as plain ones do."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.content import descriptor, dump, image
from tests.db.pushed import APP, OTHER, blob, log, manifest

from entrepot.db import (
    blobs,
    engine,
    keys,
    manifests,
    referrers,
    replications,
    uploads,
    upstreams,
    webhooks,
)
from entrepot.db.connection import Connection
from entrepot.db.keys import SigningKey
from entrepot.db.replications import Direction, Replication
from entrepot.db.uploads import Upload
from entrepot.db.upstreams import Upstream
from entrepot.db.webhooks import Webhook
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
UPSTREAM = Upstream("hub", "https://hub.test", login="bot", secret=f"pass {PLANTED}")
RULE = Replication("far", Direction.PUSH, "https://far.test", "*", secret=PLANTED)
HOOK = Webhook(
    "0badc0de",
    f"https://chat.test/{PLANTED}",
    f"new {PLANTED}",
    "*",
    frozenset(),
    "slack",
    secret_before=f"old {PLANTED}",
)
KEY = SigningKey("k1", f"-----BEGIN {PLANTED}", 1.0)


@pytest.fixture
def db(db: Connection) -> Connection:
    give(db, OLD)
    fill(db)
    return db


def give(db: Connection, *keys: MasterKey) -> None:
    """Have it know these keys, and no other."""
    setattr(db, "keyring", Keyring(keys))  # noqa: B010 - to whoever asks, it is fixed


def clear(db: Connection) -> None:
    """Take away all that was filled in."""
    links = ("edge", "idle_manifest", "repository_blob", "project_blob", "tag")
    kept = (
        "blob",
        "upload",
        "signing_key",
        "webhook",
        "upstream",
        "replication",
        "manifest",
        "piece",
    )
    for table in (*links, *kept, "quarantine"):
        db.execute(f"delete from {table}")


def rows(db: Connection) -> str:
    """All that lies in the tables, as it lies there."""
    tables = ("manifest", "blob", "upload", "signing_key", "webhook", "upstream", "replication")
    return "\n".join(
        str(row) for table in tables for row in db.execute(f"select * from {table}").fetchall()
    )


def fill(db: Connection) -> None:
    blob(db, CONFIG)
    for document in (DOCUMENT, SIGNED):
        manifest(db, document, "1")
    keys.add(db, KEY)
    webhooks.add(db, HOOK)
    upstreams.put(db, UPSTREAM)
    replications.add(db, RULE)
    upload = Upload("u1", APP, "sha256")
    uploads.begin(db, upload)
    uploads.advance(db, upload, replace(upload, size=len(PLANTED), content=PLANTED.encode()))


class LockedError(Exception):
    """What rows say whose secret cannot be opened."""


def secrets_of(hook: Webhook | None) -> tuple[str, str, str]:
    assert hook is not None
    if hook.locked:
        assert not hook.url + hook.secret + hook.secret_before
        raise LockedError(hook.locked)
    return hook.url, hook.secret, hook.secret_before


def secret_of(found: Upstream | Replication | None) -> str:
    assert found is not None
    if found.locked:
        assert not found.secret
        raise LockedError(found.locked)
    return found.secret


READS: dict[str, Callable[[Connection], object]] = {
    "blob": lambda db: blobs.find(db, APP, Digest.of(CONFIG)),
    "stored": lambda db: blobs.stored(db, Digest.of(CONFIG)),
    "manifest": lambda db: manifests.find(db, APP, Digest.of(dump(DOCUMENT))),
    "referrers": lambda db: referrers.listed(
        db, APP, Digest.of(dump(DOCUMENT)), artifact_type=None, after=0, limit=9, room=999
    ),
    "upload": lambda db: uploads.find(db, APP, "u1"),
    "signing keys": keys.every,
    "webhook": lambda db: secrets_of(webhooks.find(db, HOOK.id)),
    "upstream": lambda db: secret_of(upstreams.find(db, UPSTREAM.project)),
    "replication": lambda db: secret_of(replications.find(db, RULE.name)),
}


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_it_answers_as_plain_rows_do(
    db: Connection, tmp_path: Path, ask: Callable[..., object]
) -> None:
    engine.prepare(tmp_path / "plain")
    with closing(engine.connect(tmp_path / "plain")) as plain:
        fill(plain)
        assert ask(db) == ask(plain)
        assert PLANTED in str(ask(db))


def test_nothing_of_it_shows(db: Connection) -> None:
    assert PLANTED not in rows(db)
    assert PLANTED in str([ask(db) for ask in READS.values()])


def test_nothing_of_it_shows_in_files(folder: Path) -> None:
    with closing(engine.connect(folder, Keyring((OLD,)))) as db:
        fill(db)
        for file in folder.iterdir():
            assert PLANTED.encode() not in file.read_bytes(), file
        assert (folder / f"{engine.FILE}-wal").stat().st_size > 10_000


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_without_the_key(db: Connection, ask: Callable[[Connection], object]) -> None:
    for ring in ((), (NEW,)):
        give(db, *ring)
        with pytest.raises((MissingKeyError, LockedError), match=OLD.id):
            ask(db)


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_another_key_of_that_name(db: Connection, ask: Callable[[Connection], object]) -> None:
    give(db, MasterKey(OLD.id, NEW.secret))
    with pytest.raises((BrokenSealError, LockedError), match=OLD.id):
        ask(db)


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_keys_that_came_before_still_open(
    db: Connection, ask: Callable[[Connection], object]
) -> None:
    before = ask(db)
    give(db, NEW, OLD)
    assert ask(db) == before


def test_rows_from_before_there_was_a_key(db: Connection) -> None:
    clear(db)
    give(db)
    fill(db)
    before = [ask(db) for ask in READS.values()]
    give(db, NEW)
    assert [ask(db) for ask in READS.values()] == before
    blob(db, b"after")
    found = db.execute("select digest, key from blob").fetchall()
    assert set(found) == {(str(Digest.of(CONFIG)), None), (str(Digest.of(b"after")), NEW.id)}


def exchange(table: str, columns: str, found_by: str) -> Callable[[Connection], None]:
    """Put one row's sealed values into another row of its table."""

    def spoil(db: Connection) -> None:
        one, two = (row for (row,) in db.execute(f"select {found_by} from {table} limit 2"))
        db.execute(
            f"update {table} set ({columns}) = (select {columns} from {table} "
            f"where {found_by} = ?) where {found_by} = ?",
            (one, two),
        )

    return spoil


def test_a_value_opens_in_its_own_row_only(db: Connection) -> None:
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


def test_the_same_again_changes_nothing(db: Connection) -> None:
    kept = "select content, key from blob union all select content, key from manifest"
    before, logged = db.execute(kept).fetchall(), len(log(db))
    blob(db, CONFIG)
    manifest(db, SIGNED, "1")
    assert db.execute(kept).fetchall() == before
    assert len(log(db)) == logged


SPOILED = {
    "other bytes": ("content", bytes(100)),
    "no bytes": ("content", b""),
    "a key that is gone": ("key", "gone"),
    "plain, it says": ("key", None),
}


@pytest.mark.parametrize(("column", "value"), SPOILED.values(), ids=SPOILED)
def test_pushing_again_heals(db: Connection, column: str, value: bytes | str | None) -> None:
    before = [ask(db) for ask in READS.values()]
    for table in ("blob", "manifest"):
        db.execute(f"update {table} set {column} = ?", (value,))
    blob(db, CONFIG)
    manifest(db, DOCUMENT)
    manifest(db, SIGNED)
    assert [ask(db) for ask in READS.values()] == before
    assert PLANTED not in rows(db)


@pytest.mark.parametrize("spoiled", ["no base64!", "c3BvaWxlZA=="])
def test_annotations_that_the_disk_spoiled_are_read_of_the_manifest(
    db: Connection, spoiled: str
) -> None:
    before = READS["referrers"](db)
    db.execute("update manifest set annotations = ? where annotations is not null", (spoiled,))
    assert READS["referrers"](db) == before
    db.execute("update manifest set content = ?", (b"spoiled, too",))
    with pytest.raises(BrokenSealError):
        READS["referrers"](db)


def test_a_blob_of_two_repositories_is_one_row(db: Connection) -> None:
    blob(db, CONFIG, OTHER)
    found = blobs.find(db, OTHER, Digest.of(CONFIG))
    assert found is not None
    assert found.content == CONFIG
