"""A cache that is full: what was not pulled for the longest time goes, and comes again."""

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests import waiting
from tests.content import EMPTY, digest, dump, image
from tests.served import Served
from tests.upstream.cache.conftest import Caching
from tests.upstream.cache.shop import OTHER, Shop, opened
from tests.upstream.cache.test_fetching import APP, blob, is_kept, manifest
from tests.upstream.cache.test_stale import rows

from entrepot.db import (
    engine,
    eviction,
    immutable_rules,
    manifests,
    place,
    projects,
    quotas,
    upstreams,
)
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.eviction import Room, Unused
from entrepot.db.projects import Project
from entrepot.db.quotas import Usage
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.db.upstreams import Upstream
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository, Tag
from entrepot.upkeep.evict import evict, excess

SIZE = 100_000
LAYERS = [bytes([number]) * SIZE for number in range(6)]
IMAGES = [dump(image(layer)) for layer in LAYERS]


@pytest.mark.parametrize(
    ("used", "quota", "goes"),
    [(100, None, 0), (90, 100, 0), (91, 100, 11), (200, 100, 120), (0, 0, 0)],
)
def test_how_much_goes(used: int, quota: int | None, goes: int) -> None:
    assert excess(Usage("hub", used, quota=quota)) == Room(goes, 0)
    assert excess(Usage("hub", tags=used, quota_tags=quota)) == Room(0, goes)


def pulled(served: Served, shop: Shop, number: int) -> None:
    """Pull an image; it is kept in the end."""
    shop.tags[f"{number}"] = IMAGES[number]
    shop.manifests.append(IMAGES[number])
    shop.blobs.append(LAYERS[number])
    assert manifest(served.client, f"{number}").content == IMAGES[number]
    assert blob(served.client, LAYERS[number]).content == LAYERS[number]
    waiting.until(lambda: is_kept(served.client, LAYERS[number]))


def fill(served: Served, shop: Shop, count: int) -> None:
    """Pull images, the first one longest ago."""
    for number in range(count):
        pulled(served, shop, number)
    use = "select count(*) from manifest_use"  # which is written down a second later
    waiting.until(lambda: rows(served, use) == [(count,)])
    with closing(engine.connect(served.folder)) as db, db.exclusive():
        for number in range(count):
            for table, column in (("manifest_use", "at"), ("manifest", "created_at")):
                key = "manifest" if table == "manifest_use" else "id"
                db.execute(
                    f"update {table} set {column} = ? where {key} in "
                    "(select id from manifest where digest = ?)",
                    (1000.0 + number, digest(IMAGES[number])),
                )


def limit(served: Served, size: int | None, tags: int | None = None) -> None:
    with closing(engine.connect(served.folder)) as db, db.exclusive():
        assert quotas.limit(db, "hub", size, tags)


def usage(served: Served) -> int:
    with closing(engine.connect(served.folder)) as db:
        return quotas.find(db, "hub").bytes


def until(served: Served, size: int) -> None:
    deadline = time.monotonic() + 60
    while usage(served) > size:
        assert time.monotonic() < deadline, usage(served)
        time.sleep(0.05)


def kept(served: Served) -> list[str]:
    return [str(row[0]) for row in rows(served, "select name from tag order by name")]


def test_the_longest_unused_go(caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address, settings={"upkeep_pause": 0.2}, tag_seconds=3600)
        fill(served, shop, 6)
        limit(served, 5 * SIZE)
        until(served, 4 * SIZE)
        assert kept(served) == ["3", "4", "5"]
        with closing(engine.connect(served.folder)) as db:
            assert quotas.miscounted(db) == []
        assert rows(served, "select count(*) from trash") == [(0,)]
        assert rows(served, "select count(*) from blob where size > 1000") == [(3,)]
        before = len(server.asked)
        assert manifest(served.client, "0").content == IMAGES[0]
        assert blob(served.client, LAYERS[0]).content == LAYERS[0]
        assert len(server.asked) == before + 2


def test_where_tags_are_too_many_the_longest_unused_go(caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address, settings={"upkeep_pause": 0.2}, tag_seconds=3600)
        fill(served, shop, 5)
        with closing(engine.connect(served.folder)) as db, db.exclusive():
            db.execute("delete from tag where name = '0'")
            db.execute("update project_usage set tags = tags - 1")
        limit(served, None, 3)
        deadline = time.monotonic() + 60
        while kept(served) != ["3", "4"]:
            assert time.monotonic() < deadline, kept(served)
            time.sleep(0.05)
        left = {row[0] for row in rows(served, "select digest from manifest")}
        assert digest(IMAGES[0]) in left, "what has no tag went for nothing"


def test_a_tag_too_many_is_served_and_not_kept(caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address, tag_seconds=0.1)
        shop.tags = {"0": IMAGES[0], "1": IMAGES[1]}
        for tag in shop.tags:
            manifest(served.client, tag)  # which are too young to go
        limit(served, None, 2)
        shop.tags |= {"new": IMAGES[2], "0": IMAGES[3]}
        shop.blobs += LAYERS[2:4]
        time.sleep(0.2)
        for _ in range(2):
            assert manifest(served.client, "new").content == IMAGES[2]
        assert blob(served.client, LAYERS[2]).content == LAYERS[2]
        assert manifest(served.client, "0").content == IMAGES[3], "a tag that is here may move"
        assert kept(served) == ["0", "1"]
        with closing(engine.connect(served.folder)) as db:
            assert quotas.miscounted(db) == []


def test_room_for_a_tag_is_made_at_once(caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address, tag_seconds=0.1)
        fill(served, shop, 6)
        limit(served, None, 6)
        shop.tags["new"] = OTHER
        deadline = time.monotonic() + 60
        while "new" not in kept(served):
            assert manifest(served.client, "new").content == OTHER
            assert time.monotonic() < deadline, kept(served)
            time.sleep(0.2)
        assert kept(served) == ["2", "3", "4", "5", "new"]


def test_a_signatures_tag_goes_with_its_image(caching: Caching) -> None:
    """Without it nobody would find the signature."""
    with opened() as (shop, server):
        served = caching(server.address, tag_seconds=3600)
        limit(served, None, 0)
        tag = f"sha256-{'a' * 64}.sig"
        shop.tags[tag] = IMAGES[0]
        assert manifest(served.client, tag).content == IMAGES[0]
        assert kept(served) == [tag]


def test_images_are_pinned_by_their_tags(caching: Caching) -> None:
    with opened() as (shop, server):
        pinned = ("team/app:0", "team/other:*")
        served = caching(server.address, settings={"upkeep_pause": 0.2}, pinned=pinned)
        fill(served, shop, 3)
        limit(served, 2 * SIZE)
        until(served, int(1.6 * SIZE))
        assert kept(served) == ["0"]


def test_what_is_pinned_stays(caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address, settings={"upkeep_pause": 0.2}, pinned=("team/app",))
        fill(served, shop, 3)
        limit(served, 2 * SIZE)
        time.sleep(1)
        assert kept(served) == ["0", "1", "2"]


def test_what_holds_still_stays(caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address, settings={"upkeep_pause": 0.2}, tag_seconds=3600)
        fill(served, shop, 3)
        with closing(engine.connect(served.folder)) as db, db.exclusive():
            immutable_rules.set_globs(db, "hub", ["0"], by="user:alice")
        limit(served, 2 * SIZE)
        until(served, 2 * SIZE)
        assert kept(served) == ["0"]


def test_a_layer_that_does_not_fit_is_handed_out_all_the_same(caching: Caching) -> None:
    with opened() as (shop, server):
        served = caching(server.address, tag_seconds=3600)
        shop.tags["0"] = IMAGES[0]
        shop.blobs.append(LAYERS[0])
        manifest(served.client, "0")
        limit(served, usage(served) + 10)
        try:
            found = blob(served.client, LAYERS[0])
        except httpx.HTTPError as error:
            raise AssertionError("it was cut off") from error
        assert found.content == LAYERS[0]
        assert rows(served, "select count(*) from blob") == [(0,)]
        assert APP


@pytest.mark.parametrize(("beyond", "status"), [(0.05, 200), (0.2, 403)])
def test_manifests_and_configurations_may_take_a_little_more(
    beyond: float, status: int, caching: Caching
) -> None:
    with opened() as (shop, server):
        served = caching(server.address, tag_seconds=3600)
        pulled(served, shop, 0)  # too young to go
        shop.tags["1"] = IMAGES[1]
        shop.blobs.append(LAYERS[1])
        limit(served, int(usage(served) / (1 + beyond)))
        assert manifest(served.client, "1").status_code == status
        if status == 200:
            assert blob(served.client, EMPTY).content == EMPTY
            assert blob(served.client, LAYERS[1]).content == LAYERS[1]
            assert rows(served, "select count(*) from blob where size = 100000") == [(1,)]


MANY = 1200


class Counted:
    """A database that counts the long queries."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database, self.scans = database, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def scan(self, query: Callable[[Connection], Any]) -> Any:
        self.scans += 1
        return await self._database.scan(query)


def full(db: Connection) -> list[Unused]:
    """A cache with as much as it may have, none of which was pulled of late; all of it."""
    projects.create(db, Project("hub"), "test")
    upstreams.put(db, Upstream("hub", "http://127.0.0.1:9", hosts=("up.test",)))
    for number in range(MANY):
        manifest = Manifest.read(dump(image(annotations={"n": str(number)})), "")
        manifests.put(db, Repository("hub/app"), manifest, [Tag(str(number))], sparse=True)
    db.execute("update manifest set created_at = 1000.0")
    quotas.limit(db, "hub", quotas.find(db, "hub").bytes, None)
    return eviction.unused(db, "hub", 2000.0, MANY)


def test_hundreds_go_after_one_look_at_all(tmp_path: Path) -> None:
    async def run() -> None:
        database = SQLiteDatabase(tmp_path)
        await database.write(full, large=True)
        counted: Any = Counted(database)
        assert await evict(counted) > 0
        assert counted.scans == 1
        left = await database.read(lambda db: eviction.unused(db, "hub", 2000.0, MANY))
        assert MANY * 0.75 < len(left) < MANY * 0.85
        await database.close()

    asyncio.run(run())


def test_where_all_is_pinned_nothing_is_gone_through(tmp_path: Path) -> None:
    """However much that is: it was read page by page, and all of it for each page."""

    def fill(db: Connection) -> None:
        full(db)
        pinned = replace(upstreams.find(db, "hub") or Upstream("", ""), pinned=("app*", "x:1"))
        upstreams.put(db, pinned)

    async def run() -> None:
        database = SQLiteDatabase(tmp_path)
        await database.write(fill, large=True)
        counted: Any = Counted(database)
        assert await evict(counted) == 0
        assert counted.scans == 1
        await database.close()

    asyncio.run(run())


def test_room_is_made_also_where_a_password_cannot_be_opened(tmp_path: Path) -> None:
    """It is sealed by a key that is not here; and holds up no other cache either."""

    def fill(db: Connection) -> None:
        full(db)
        projects.create(db, Project("first"), "test")
        upstreams.put(db, Upstream("first", "http://127.0.0.1:9"))
        db.execute("update upstream set key = 'gone', secret = 'AAAA'")

    async def run() -> None:
        database = SQLiteDatabase(tmp_path)
        await database.write(fill, large=True)
        await evict(database)
        left = await database.read(lambda db: eviction.unused(db, "hub", 2000.0, MANY))
        assert len(left) < MANY * 0.85
        await database.close()

    asyncio.run(run())


def test_what_is_pulled_meanwhile_stays(tmp_path: Path) -> None:
    where = place.find(tmp_path, "")
    where.prepare()
    with closing(where.connect()) as db, db.exclusive():
        found, row = full(db), upstreams.find(db, "hub")
        assert row is not None
        db.execute("insert into manifest_use (manifest, at) values (?, 3000.0)", (found[0].id,))
        freed = [eviction.evict(db, each, row, By("test")) for each in found[:2]]
        assert [each.is_any for each in freed] == [False, True]
