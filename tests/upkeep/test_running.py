"""What runs in a cluster goes by no rule and in no round, on whichever database."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.content import image, index
from tests.db.pushed import APP, blob, manifest
from tests.db.reported import report, row

from entrepot.db import manifests, place, tags, trash
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.place import Place
from entrepot.db.terms import Terms
from entrepot.db.trash import Keep
from entrepot.upkeep.collect import collect_idle
from entrepot.upkeep.garbage import Kind, survey
from entrepot.upkeep.purge import purge_ended
from entrepot.upkeep.tag_retention import apply, look
from entrepot.upkeep.tag_rules import DAY, Rules

TERMS = Terms(grace=100, trash=14 * DAY, untagged=30 * DAY, orphaned=7 * DAY)
ALL_GO = Rules(keep_newest=0, untagged_days=0)
ONE, TWO, LOOSE = image(), image(config=b"two"), image(config=b"loose")


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    url = request.getfixturevalue("database_url") if request.param == "postgresql" else ""
    found = place.find(tmp_path, url)
    found.prepare()
    return found


@pytest.fixture
def db(where: Place) -> Iterator[Connection]:
    with closing(where.connect()) as db:
        for config in (b"{}", b"two", b"loose"):
            blob(db, config)
        yield db


@pytest.fixture
async def database(where: Place) -> AsyncIterator[Database]:
    database = where.database()
    yield database
    await database.close()


def names(db: Connection) -> list[str]:
    return tags.of(db, APP, "", 100)


async def test_rules_take_none_and_say_why(db: Connection, database: Database) -> None:
    manifest(db, ONE)
    manifest(db, index(ONE), "named", "same")
    pulled, loose = manifest(db, TWO, "old"), manifest(db, LOOSE)
    manifest(db, image(), "free")
    report(db, row("team/app:named", str(loose)), row("team/app:named", str(pulled), workload="x"))
    found = look(db, APP, ALL_GO)
    why = {each.tag.name: each.why for each in found.tags}
    assert why == {
        "named": "runs in prod: team-a/Deployment/web and 1 more",
        "same": "runs in prod: team-a/Deployment/web and 1 more",
        "old": "runs in prod: team-a/Deployment/x",
        "free": "runs in prod: team-a/Deployment/web and 1 more",
    }, "also a platform's own tag"
    assert found.manifests == []
    assert await apply(database, found, 9) == 0
    report(db, keep=0)
    again = look(db, APP, ALL_GO)
    assert [each.found.digest for each in again.manifests] == [str(loose)]
    assert await apply(database, again, 9) == 5


async def test_what_comes_to_run_after_the_plan_stays(db: Connection, database: Database) -> None:
    manifest(db, TWO, "1")
    loose = manifest(db, LOOSE)
    found = look(db, APP, ALL_GO)
    report(db, row("team/app:1"), row(f"team/app@{loose}", workload="other"))
    assert await apply(database, found, 9) == 0
    assert names(db) == ["1"]


async def test_the_collector_looks_again_when_it_runs_no_more(
    db: Connection, database: Database
) -> None:
    loose = manifest(db, LOOSE)
    report(db, row(f"team/app@{loose}"))
    db.execute("update idle_manifest set since = since - ?", (31 * DAY,))
    assert [each for each in survey(db, TERMS, DAY, 9e9, 9) if each.kind is Kind.MANIFEST] == []
    assert (await collect_idle(database, TERMS)).manifests == 0
    report(db, keep=0)
    assert (await collect_idle(database, TERMS)).manifests == 0, "it was needed until just now"
    db.execute("update idle_manifest set since = since - ?", (31 * DAY,))
    assert (await collect_idle(database, TERMS)).manifests == 1


async def test_many_that_run_do_not_hold_up_the_others(db: Connection, database: Database) -> None:
    for number in range(120):
        blob(db, b"%d" % number)
    running = [manifest(db, image(config=b"%d" % number)) for number in range(119)]
    manifest(db, image(config=b"119"))
    report(db, *[row(f"team/app@{each}") for each in running])
    db.execute("update idle_manifest set since = since - ?", (31 * DAY,))
    found = await asyncio.wait_for(collect_idle(database, TERMS), 60)
    assert found.manifests == 1


async def test_the_trash_keeps_what_runs(db: Connection, database: Database) -> None:
    """Who deleted it all the same can bring it back as long as it is needed."""
    digest = manifest(db, TWO, "1")
    report(db, row("team/app:1", str(digest)))
    assert manifests.remove(db, APP, digest, keep=Keep(9), even_if_running=True)
    db.execute("update trash set until = 1")
    assert [each for each in survey(db, TERMS, DAY, 9e9, 9) if each.kind is Kind.TRASH] == []
    assert await purge_ended(database) == 0
    [item] = trash.listed(db, APP, 2**62, 9)
    assert item.reference == str(digest)
    report(db, keep=0)
    db.execute("update trash set until = 1")
    assert await purge_ended(database) == 1
    rows = db.execute("select actor, reference from audit where action = 'trash expire'")
    assert rows.fetchall() == [("entrepot", str(digest))]


async def test_what_was_ended_by_hand_goes(db: Connection, database: Database) -> None:
    digest = manifest(db, TWO, "1")
    report(db, row("team/app:1", str(digest)))
    assert manifests.remove(db, APP, digest, keep=Keep(9), even_if_running=True)
    trash.end(db, trash.listed(db, APP, 2**62, 9)[0])
    assert await purge_ended(database) == 1


async def test_a_report_races_with_the_rules(db: Connection, database: Database) -> None:
    """Whichever comes first: what was reported before its deletion is not deleted."""
    for number in range(30):
        blob(db, b"%d" % number)
        manifest(db, image(config=b"%d" % number), f"v{number}")
    found = look(db, APP, ALL_GO)
    reporting = asyncio.create_task(asyncio.to_thread(_report_slowly, db))
    taking = asyncio.create_task(apply(database, found, 99))
    told = await reporting
    await taking
    gone = [item.reference for item in trash.listed(db, APP, 2**62, 99)]
    assert {*names(db), *gone} == {f"v{number}" for number in range(30)}
    deleted = {
        reference
        for (reference, at) in db.execute("select reference, deleted_at from trash").fetchall()
        if at > told.get(reference, 9e9)
    }
    assert deleted == set()


def _report_slowly(db: Connection) -> dict[str, float]:
    """More and more tags, the last first; when each was surely known."""
    told: dict[str, float] = {}
    for number in reversed(range(30)):
        known = {f"v{each}" for each in range(number, 30)}
        with db.exclusive():
            report(db, *[row(f"team/app:{tag}", workload=tag) for tag in sorted(known)])
        told[f"v{number}"] = time.time()
    return told
