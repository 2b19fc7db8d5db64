"""The collector: what nothing keeps goes when its time has come, and nothing else does."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from tests.content import dump, image, index
from tests.db.pushed import APP, OTHER, blob, garbage, manifest
from tests.upkeep.conftest import LAYER, Folder

from entrepot.db import blobs, idle, links, manifests, quotas, repositories, tags, trash
from entrepot.db.audit import NOBODY
from entrepot.db.connection import Connection
from entrepot.db.idle import Why
from entrepot.db.restore import restore
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.db.terms import Terms
from entrepot.db.trash import Keep
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository, Tag
from entrepot.upkeep.collect import Collected, collect_idle
from entrepot.upkeep.purge import purge_ended

DAY = 24 * 3600.0
TERMS = Terms(grace=100, trash=14 * DAY, untagged=30 * DAY, orphaned=7 * DAY)
PLAIN, ARM = image(), image(config=b"arm")


@pytest.fixture
async def database(folder: Folder) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(folder.data)
    yield database
    await database.close()


@pytest.fixture
def db(folder: Folder) -> Connection:
    return folder.db


def pass_by(db: Connection, seconds: float) -> None:
    """Have so much time go by for all that is idle."""
    db.execute("update repository_blob set idle_since = idle_since - ?", (seconds,))
    db.execute("update idle_manifest set since = since - ?", (seconds,))


def has(db: Connection, content: bytes, repository: Repository = APP) -> bool:
    return blobs.find(db, repository, Digest.of(content)) is not None


def idle_links(db: Connection) -> int:
    found: int = db.execute(
        "select count(*) from repository_blob where idle_since is not null"
    ).fetchone()[0]
    return found


async def test_what_no_manifest_needs_goes_when_its_grace_is_over(
    folder: Folder, database: SQLiteDatabase
) -> None:
    blob(folder.db, b"idle")
    pass_by(folder.db, 40)
    assert await collect_idle(database, TERMS) == Collected()
    pass_by(folder.db, 61)
    assert await collect_idle(database, TERMS) == Collected(links=1, blobs=1, bytes=4)
    assert not has(folder.db, b"idle")
    assert has(folder.db, LAYER)
    assert blobs.stored(folder.db, Digest.of(b"idle")) is None
    assert idle_links(folder.db) == 0
    assert quotas.recount(folder.db) == 0


async def test_what_is_needed_is_looked_at_once(folder: Folder, database: SQLiteDatabase) -> None:
    assert idle_links(folder.db) == 2
    pass_by(folder.db, 101)
    await collect_idle(database, TERMS)
    assert idle_links(folder.db) == 0


async def test_a_deleted_image_sets_its_blobs_free_once_it_is_purged(
    folder: Folder, database: SQLiteDatabase
) -> None:
    pass_by(folder.db, 101)
    await collect_idle(database, TERMS)
    manifests.remove(folder.db, APP, folder.image, keep=Keep(1000))
    pass_by(folder.db, 101)
    assert await collect_idle(database, TERMS) == Collected(links=2)
    assert not has(folder.db, LAYER)
    assert blobs.stored(folder.db, folder.layer) is not None
    assert garbage(folder.db) == []
    folder.db.execute("update trash set until = until - 1000")
    assert await purge_ended(database) == 1
    assert blobs.stored(folder.db, folder.layer) is None
    assert garbage(folder.db) == [folder.object]


async def test_what_is_purged_stays_for_a_grace_where_it_was_linked(
    folder: Folder, database: SQLiteDatabase
) -> None:
    manifests.remove(folder.db, APP, folder.image)
    assert await purge_ended(database) == 1
    assert await collect_idle(database, TERMS) == Collected()
    assert has(folder.db, LAYER)
    pass_by(folder.db, 101)
    assert await collect_idle(database, TERMS) == Collected(links=2, blobs=2, bytes=len(LAYER) + 2)
    assert garbage(folder.db) == [folder.object]
    assert folder.db.execute("select count(*) from repository").fetchone() == (0,)


async def test_a_blob_of_two_repositories_goes_with_the_last(
    folder: Folder, database: SQLiteDatabase
) -> None:
    blob(folder.db, b"shared")
    pass_by(folder.db, 101)
    blobs.mount(folder.db, OTHER, APP, Digest.of(b"shared"))
    assert await collect_idle(database, TERMS) == Collected(links=1)
    assert not has(folder.db, b"shared")
    assert has(folder.db, b"shared", OTHER)


def push_again(db: Connection) -> None:
    blob(db, b"idle")


def mount_again(db: Connection) -> None:
    blobs.mount(db, APP, APP, Digest.of(b"idle"))


def promise(db: Connection) -> None:
    assert links.promise(db, APP, Digest.of(b"idle"))


@pytest.mark.parametrize("renew", [push_again, mount_again, promise])
async def test_whoever_was_told_that_it_is_here_has_a_whole_grace(
    folder: Folder, database: SQLiteDatabase, renew: Callable[[Connection], None]
) -> None:
    blob(folder.db, b"idle")
    pass_by(folder.db, 101)
    renew(folder.db)
    assert (await collect_idle(database, TERMS)).links == 0
    pass_by(folder.db, 40)
    assert (await collect_idle(database, TERMS)).links == 0
    assert has(folder.db, b"idle")


def test_nothing_is_promised_that_has_gone(db: Connection) -> None:
    assert not links.promise(db, APP, Digest.of(b"gone"))
    assert not links.promise(db, OTHER, Digest.of(LAYER))


async def test_a_manifest_that_comes_while_the_grace_ends_keeps_its_blobs(
    folder: Folder, database: SQLiteDatabase
) -> None:
    """Both are writes, so one comes first; the other sees what it did."""
    for number in range(20):
        content = b"part%d" % number
        blob(folder.db, content)
        pass_by(folder.db, 101)
        push = database.write(partial(manifest, document=image(config=content)))
        if number % 2:
            await asyncio.sleep(0)
        sweep = asyncio.create_task(collect_idle(database, TERMS))
        await push
        await sweep
        assert has(folder.db, content)


async def test_many_go_in_small_steps(folder: Folder, database: SQLiteDatabase) -> None:
    for number in range(250):
        blob(folder.db, b"%d" % number)
    pass_by(folder.db, 101)
    assert (await collect_idle(database, TERMS)).blobs == 250


async def test_a_hidden_repository_keeps_what_it_needs(
    folder: Folder, database: SQLiteDatabase
) -> None:
    blob(folder.db, b"idle")
    repositories.remove(folder.db, APP, keep=Keep(1000))
    pass_by(folder.db, 101)
    assert await collect_idle(database, TERMS) == Collected(links=1, blobs=1, bytes=4)
    [item] = trash.listed(folder.db, None, 2**62, 9)
    restore(folder.db, item, move=False, sparse=False, by=NOBODY)
    assert has(folder.db, LAYER)


# Manifests


def trashed(db: Connection) -> list[tuple[str, str]]:
    """Digest and why of what the collector has moved to the trash."""
    return [(item.digest, item.why) for item in trash.listed(db, None, 2**62, 9)]


async def test_what_was_pushed_without_a_tag_goes_late(
    folder: Folder, database: SQLiteDatabase
) -> None:
    digest = manifest(folder.db, PLAIN)
    pass_by(folder.db, 29 * DAY)
    assert (await collect_idle(database, TERMS)).manifests == 0
    pass_by(folder.db, 2 * DAY)
    assert (await collect_idle(database, TERMS)).manifests == 1
    [(found, why)] = trashed(folder.db)
    assert found == str(digest)
    assert why.startswith("no tag, index or subject keeps it since 20")
    [item] = trash.listed(folder.db, None, 2**62, 9)
    assert (item.deleted_by, item.until - item.deleted_at) == ("entrepot", 14 * DAY)


def untag(db: Connection, _folder: Folder) -> None:
    tags.remove(db, APP, Tag("1"))


def move_tag(db: Connection, _folder: Folder) -> None:
    manifest(db, PLAIN, "1")


@pytest.mark.parametrize("leave", [untag, move_tag])
async def test_what_a_tag_left_goes_late(
    folder: Folder, database: SQLiteDatabase, leave: Callable[[Connection, Folder], None]
) -> None:
    pass_by(folder.db, 100 * DAY)
    leave(folder.db, folder)
    pass_by(folder.db, 29 * DAY)
    assert (await collect_idle(database, TERMS)).manifests == 0
    pass_by(folder.db, 2 * DAY)
    assert (await collect_idle(database, TERMS)).manifests == 1
    assert trashed(folder.db)[0][0] == str(folder.image)


async def test_a_tag_an_index_and_a_subject_keep(folder: Folder, database: SQLiteDatabase) -> None:
    db = folder.db
    blob(db, b"arm")
    tagged, child = manifest(db, ARM), manifest(db, PLAIN)
    manifest(db, ARM, "later")
    manifest(db, index(PLAIN), "all")
    signature = manifest(db, referrer(folder))
    pass_by(db, 365 * DAY)
    assert (await collect_idle(database, TERMS)).manifests == 0
    for digest in (tagged, child, signature):
        assert manifests.find(db, APP, digest) is not None
    assert db.execute("select count(*) from idle_manifest").fetchone() == (0,)


def referrer(folder: Folder, **more: Any) -> dict[str, Any]:
    """A signature of the folder's image."""
    subject = {
        "mediaType": PLAIN["mediaType"],
        "digest": str(folder.image),
        "size": len(dump(image(LAYER))),
    }
    return image(subject=subject, **more)


async def test_referrers_go_some_time_after_their_subject(
    folder: Folder, database: SQLiteDatabase
) -> None:
    db = folder.db
    signature = manifest(db, referrer(folder))
    kept = manifest(db, referrer(folder, annotations={"a": "b"}), "kept")
    pass_by(db, 365 * DAY)
    manifests.remove(db, APP, folder.image, keep=Keep(1000))
    pass_by(db, 6 * DAY)
    assert (await collect_idle(database, TERMS)).manifests == 0
    pass_by(db, 2 * DAY)
    assert (await collect_idle(database, TERMS)).manifests == 1
    assert manifests.find(db, APP, kept) is not None
    found, why = trashed(db)[0]
    assert found == str(signature)
    assert why.startswith("its index or subject was deleted on 20")
    item = trash.newest(db, APP, str(folder.image))
    assert item is not None
    restore(db, item, move=False, sparse=False, by=NOBODY)
    assert manifests.find(db, APP, signature) is not None


async def test_platforms_go_some_time_after_their_index(
    folder: Folder, database: SQLiteDatabase
) -> None:
    db = folder.db
    child = manifest(db, PLAIN)
    inner, outer = manifest(db, index(PLAIN)), manifest(db, index(index(PLAIN)), "all")
    manifests.remove(db, APP, outer)
    for gone in (inner, child):
        pass_by(db, 8 * DAY)
        assert (await collect_idle(database, TERMS)).manifests == 1
        assert manifests.find(db, APP, gone) is None
    pass_by(db, 365 * DAY)
    assert (await collect_idle(database, TERMS)).manifests == 0


async def test_what_refers_to_what_goes_is_not_forgotten(
    folder: Folder, database: SQLiteDatabase
) -> None:
    """Subject and signature are both looked at in one step, when the subject still stands."""
    db = folder.db
    subject = manifest(db, PLAIN)
    signature = manifest(
        db,
        image(
            subject={
                "mediaType": PLAIN["mediaType"],
                "digest": str(subject),
                "size": len(dump(PLAIN)),
            }
        ),
    )
    pass_by(db, 31 * DAY)
    assert (await collect_idle(database, TERMS)).manifests == 1
    assert [each.digest for each in idle.overdue(db, Why.ORPHANED, 2**62, 9)] == [str(signature)]


@pytest.mark.parametrize("subject", ["never here", "here again"])
async def test_referrers_of_what_was_not_deleted_stay(
    folder: Folder, database: SQLiteDatabase, subject: str
) -> None:
    """Signatures may be pushed before what they sign, or be kept apart from it."""
    db = folder.db
    if subject == "here again":
        signature = manifest(db, referrer(folder))
        manifests.remove(db, APP, folder.image)
        manifest(db, image(LAYER))
    else:
        blob(db, b"{}", OTHER)
        signature = manifest(db, referrer(folder), repository=OTHER)
    pass_by(db, 365 * DAY)
    terms = Terms(grace=TERMS.grace, orphaned=TERMS.orphaned)
    assert (await collect_idle(database, terms)).manifests == 0
    where = APP if subject == "here again" else OTHER
    assert manifests.find(db, where, signature) is not None


async def test_by_itself_no_manifest_goes(folder: Folder, database: SQLiteDatabase) -> None:
    manifest(folder.db, PLAIN)
    manifests.remove(folder.db, APP, manifest(folder.db, index(PLAIN)))
    pass_by(folder.db, 365 * DAY)
    assert (await collect_idle(database, Terms())).manifests == 0


def test_loose_manifests_of_a_repository(folder: Folder) -> None:
    db = folder.db
    child = manifest(db, PLAIN)
    manifest(db, index(PLAIN), "all")
    manifest(db, referrer(folder))
    blob(db, b"arm")
    untagged = manifest(db, ARM)
    assert [each.digest for each in idle.loose(db, APP, "", 9)] == [str(untagged)]
    tags.remove(db, APP, Tag("1"))
    tags.remove(db, APP, Tag("all"))
    found = [each.digest for each in idle.loose(db, APP, "", 9)]
    everything = str(Digest.of(dump(index(PLAIN))))
    assert found == sorted([str(untagged), str(folder.image), everything])
    assert str(child) not in found
    assert [each.digest for each in idle.loose(db, APP, found[0], 1)] == found[1:2]


# Never on doubt


async def test_a_database_that_fails_ends_the_round(
    folder: Folder, database: SQLiteDatabase
) -> None:
    for number in range(250):
        blob(folder.db, b"%d" % number)
    pass_by(folder.db, 101)
    # As if the disk had lost a page: what needs what cannot be read any more.
    folder.db.execute("alter table edge rename to lost")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await collect_idle(database, TERMS)
    folder.db.execute("alter table lost rename to edge")
    assert has(folder.db, b"0")
    assert folder.db.execute("select count(*) from blob").fetchone() == (252,)


async def test_a_step_that_fails_takes_nothing(folder: Folder, database: SQLiteDatabase) -> None:
    """The last of ten cannot go: then none of them has gone."""
    for number in range(10):
        blob(folder.db, b"%d" % number)
    pass_by(folder.db, 101)
    folder.db.execute(
        "create trigger stop before delete on blob when old.size = 1 and old.content = x'39' "
        "begin select raise(abort, 'the disk does not answer'); end"
    )
    with pytest.raises(sqlite3.IntegrityError, match="does not answer"):
        await collect_idle(database, TERMS)
    assert all(has(folder.db, b"%d" % number) for number in range(10))
    assert quotas.recount(folder.db) == 0
