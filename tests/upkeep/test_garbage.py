"""What would go, and why: told before it goes, and it is what goes."""

import time

import pytest
from tests.content import dump, image, index
from tests.db.pushed import APP, OTHER, blob, manifest
from tests.upkeep.conftest import LAYER, Folder
from tests.upkeep.test_collect import TERMS, pass_by

from entrepot.db import blobs, links, manifests, pieces, repositories, trash, uploads
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.db.trash import Keep
from entrepot.db.uploads import Upload
from entrepot.oci.digest import Digest
from entrepot.upkeep.collect import collect_idle
from entrepot.upkeep.garbage import Garbage, Kind, plan, survey

DAY = 24 * 3600.0


def found(folder: Folder) -> list[Garbage]:
    return list(survey(folder.db, TERMS, DAY, time.time(), 1000))


def test_where_all_is_needed_there_is_none(folder: Folder) -> None:
    pass_by(folder.db, 101)
    assert found(folder) == []


def test_each_of_it_says_why(folder: Folder) -> None:
    db = folder.db
    upload = Upload.new(APP, "sha256")
    uploads.begin(db, upload)
    db.execute("update upload set size = 17, touched_at = touched_at - 3 * 86400")
    child = manifest(db, image())
    manifests.remove(db, APP, manifest(db, index(image())))
    blob(db, b"idle")
    pass_by(db, 10 * DAY)
    db.execute("insert into garbage (object, size, why) values ('abc', 5, 'it was in the way')")
    [trashed] = trash.ended(db, 9)
    [since] = db.execute("select since from idle_manifest").fetchone()
    everything = found(folder)
    day = time.strftime("%Y-%m-%d", time.gmtime(since))
    orphaned = f"its index or subject was deleted on {day}, and nothing else keeps it"
    ended = "deleted by anonymous, and its time in the trash is up"
    needless = "no manifest of team/app needs it, for 10 days already"
    idle = str(Digest.of(b"idle"))
    assert everything == [
        Garbage(Kind.UPLOAD, "team/app", upload.id, 17, "nobody went on with it for 3 days"),
        Garbage(Kind.MANIFEST, "team/app", str(child), 0, orphaned),
        Garbage(Kind.TRASH, "team/app", trashed.name, len(dump(index(image()))), ended),
        Garbage(Kind.BLOB, "team/app", idle, 4, needless),
        Garbage(Kind.OBJECT, "", "abc", 5, "it was in the way"),
    ]


def test_the_last_repository_frees_a_blob(folder: Folder) -> None:
    db = folder.db
    digest = blob(db, b"shared")
    blobs.mount(db, OTHER, APP, digest)
    pass_by(db, 101)
    assert [(each.repository, each.frees) for each in found(folder)] == [
        ("team/app", 0),
        ("team/other", 6),
    ]
    manifest(db, image(config=b"shared"), repository=OTHER)
    [only] = found(folder)
    assert (only.repository, only.frees) == ("team/app", 0)
    assert only.why.endswith("already; others may have it still")


def test_what_the_trash_alone_holds_is_free_once_that_is_over(folder: Folder) -> None:
    db = folder.db
    blobs.mount(db, OTHER, APP, Digest.of(b"{}"))
    repositories.remove(db, APP)
    [item] = trash.ended(db, 9)
    assert trash.alone(db, item) == len(dump(image(LAYER))) + len(LAYER)


async def test_it_is_what_goes(folder: Folder) -> None:
    database, db = SQLiteDatabase(folder.data), folder.db
    for number in range(5):
        blob(db, b"%d" % number)
    manifests.remove(db, APP, folder.image, keep=Keep(1000))
    pass_by(db, 101)
    told = [each for each in found(folder) if each.kind is Kind.BLOB]
    before = db.execute("select count(*) from blob").fetchone()[0]
    total = await collect_idle(database, TERMS)
    await database.close()
    assert total.links == len(told) == 7
    assert total.bytes == sum(each.frees for each in told) == 5
    assert before - db.execute("select count(*) from blob").fetchone()[0] == total.blobs
    assert [each for each in found(folder) if each.kind is Kind.BLOB] == []


@pytest.mark.parametrize(
    ("needed", "in_all", "frees"),
    [
        ("", 1, [7]),
        ("", 2, [0]),
        ("x", 1, []),
        ("  ", 2, [0, 7]),
        ("  ", 3, [0, 0]),
        (" x", 2, [0]),
    ],
    ids=["the only link", "one of two", "needed", "both", "two of three", "the other is needed"],
)
def test_the_plan(needed: str, in_all: int, frees: list[int]) -> None:
    idle = [
        links.Idle((number, APP), 1, "sha256:a", 7, None, 0.0, letter == "x")
        for number, letter in enumerate(needed or " ")
    ]
    assert [each.frees for each in plan(idle, {1: in_all}, 200.0)] == frees


def test_garbage_says_why_it_is(folder: Folder) -> None:
    blobs.remove(folder.db, APP, folder.layer, even_if_used=True)
    [(name, size, why)] = pieces.discarded(folder.db, 9)
    assert (name, size, why) == (folder.object, len(LAYER), "no repository links its blob")
