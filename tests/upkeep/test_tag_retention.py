"""Rules at work: what they take lies in the trash, and what came meanwhile stays."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from tests.content import image, index
from tests.db.pushed import APP, OTHER, blob, manifest
from tests.upkeep.conftest import Folder

from entrepot.db import channels, idle, immutable_rules, manifests, retention, tags, trash
from entrepot.db.connection import Connection
from entrepot.db.immutable_rules import Kind
from entrepot.db.retention import Rule
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository, Tag
from entrepot.upkeep.tag_retention import apply, applying, look, retain, rules_of
from entrepot.upkeep.tag_rules import DAY, Rules

WEEK = 7 * DAY


@pytest.fixture
async def database(folder: Folder) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(folder.data)
    yield database
    await database.close()


@pytest.fixture
def db(folder: Folder) -> Connection:
    """APP has `1`, and more tags of the same age but for the newest."""
    for config in (b"one", b"two", b"three"):
        blob(folder.db, config)
        manifest(folder.db, image(config=config), f"v1.0.{len(config)}", config.decode())
    folder.db.execute("update tag set moved_at = moved_at - ? where name <> 'three'", (WEEK,))
    return folder.db


def names(db: Connection, repository: Repository = APP) -> list[str]:
    return tags.of(db, repository, "", 100)


RULES = [Rule("*", {"keep_newest": 1}), Rule("team/*", {"keep_newest": 2}), Rule("team/app", {})]


@pytest.mark.parametrize(
    ("name", "pattern"), [("team/app", "team/app"), ("team/x", "team/*"), ("else", "*")]
)
def test_the_most_specific_pattern_counts(name: str, pattern: str) -> None:
    found = applying(RULES, name)
    assert found is not None
    assert found.pattern == pattern
    assert applying(RULES[1:], "else") is None


async def test_what_goes_lies_in_the_trash_with_the_reason(
    database: SQLiteDatabase, db: Connection
) -> None:
    retention.put(db, "team/*", {"keep_days": 3}, "user:alice")
    assert await retain(database, WEEK) == (5, "team/app")
    assert await retain(database, WEEK, "team/app") == (0, "")
    assert names(db) == ["three"]
    items = trash.listed(db, None, before=2**62, limit=10)
    assert {item.reference for item in items} == {"1", "one", "two", "v1.0.3", "v1.0.5"}
    assert {item.why for item in items} == {"it is not pushed within 3 days"}
    rows = db.execute("select distinct actor, via, action from audit where via = 'retention'")
    assert rows.fetchall() == [("entrepot", "retention", "untagged")]


async def test_what_is_refused_stays_and_holds_up_nothing_else(
    database: SQLiteDatabase, db: Connection
) -> None:
    """As a channel of which nobody wrote down what is in it."""
    retention.put(db, "team/*", {"keep_days": 3}, "user:alice")
    channels.put(db, APP.project, ["one"], "user:alice")
    assert await retain(database, WEEK) == (4, "team/app")
    assert names(db) == ["one", "three"]


async def test_what_was_moved_since_the_plan_stays(
    database: SQLiteDatabase, db: Connection
) -> None:
    found = look(db, APP, Rules(keep_newest=0))
    manifest(db, image(config=b"one"), "two")
    assert await apply(database, found, WEEK) == 5
    assert names(db) == ["two"]


async def test_immutable_tags_stay_with_all_that_they_need(
    database: SQLiteDatabase, db: Connection
) -> None:
    """Also where they became so after the plan was made."""
    manifest(db, index(image(config=b"two")), "release")
    early = look(db, APP, Rules(keep_newest=0, untagged_days=0))
    assert not any(each.keep for each in early.tags)
    rule = immutable_rules.add(db, "team/*", Kind.GLOB, "rel*", by="user:test")
    found = look(db, APP, Rules(keep_newest=0, untagged_days=0))
    why = {each.tag.name: each.why for each in found.tags if each.keep}
    assert why == {"release": f"it is immutable by {rule}"}
    assert await apply(database, early, WEEK) == len(early.tags) - 1
    assert await apply(database, look(db, APP, Rules(untagged_days=0)), WEEK) == 3
    assert names(db) == ["release"]
    digests = {digest_of(image(config=b"two")), digest_of(index(image(config=b"two")))}
    assert all(manifests.find(db, APP, each) for each in digests)


async def test_manifests_that_nothing_keeps_go_by_their_rule(
    database: SQLiteDatabase, db: Connection
) -> None:
    """Not one that has a tag, is in an index, or refers to what is there."""
    child, loose = image(config=b"two"), image(config=b"one")
    manifest(db, index(child), "index")
    for tag in ("one", "v1.0.3", "two"):
        tags.remove(db, APP, Tag.parse(tag))
    found = look(db, APP, Rules(untagged_days=1))
    assert found.manifests == []
    db.execute("update idle_manifest set since = since - ?", (2 * DAY,))
    [going] = look(db, APP, Rules(untagged_days=1)).manifests
    assert going.why == "no tag, index or subject keeps it, for 1 days"
    assert look(db, APP, Rules(dangling_days=1)).manifests == []
    assert await apply(database, look(db, APP, Rules(untagged_days=1)), WEEK) == 1
    rows = db.execute(
        "select m.digest from manifest m join repository r on r.id = m.repository where r.name = ?",
        (APP.name,),
    )
    left = {digest for (digest,) in rows}
    assert going.found.digest not in left
    assert str(digest_of(child)) in left
    assert str(digest_of(loose)) == going.found.digest


async def test_one_that_was_tagged_since_the_plan_stays(
    database: SQLiteDatabase, db: Connection
) -> None:
    for tag in ("one", "v1.0.3"):
        tags.remove(db, APP, Tag.parse(tag))
    db.execute("update idle_manifest set since = since - ?", (2 * DAY,))
    found = look(db, APP, Rules(untagged_days=1))
    assert len(found.manifests) == 1
    manifest(db, image(config=b"one"), "again")
    assert await apply(database, found, WEEK) == 0
    assert idle.loose(db, APP, "", 10) == []


async def test_pulls_count(database: SQLiteDatabase, db: Connection) -> None:
    pulled = digest_of(image(config=b"two"))
    await database.note(partial(retention.used, repository=APP.name, digest=str(pulled), at=9e9))
    kept = look(db, APP, Rules(keep_pulled_days=1))
    assert {each.tag.name for each in kept.tags if each.keep} == {"two", "v1.0.3"}


def test_rules_come_back_as_they_were_set(db: Connection) -> None:
    rules = Rules(keep_newest=1, keep_tags=("v*",), untagged_days=0.5)
    made = retention.put(db, "team/*", rules.document(), "user:alice")
    assert rules_of(made) == rules
    assert retention.find(db, "team/*") == made
    assert retention.remove(db, "team/*")
    assert not retention.remove(db, "team/*")
    assert retention.every(db) == []
    assert look(db, OTHER, rules).tags == []


def digest_of(document: dict[str, object]) -> Digest:
    from tests.content import dump

    return Digest.of(dump(document))


async def test_signatures_go_with_their_image(database: SQLiteDatabase, db: Connection) -> None:
    """They are counted as nobody's newest, stay while the image is there, and go after it."""
    digest = tags.digest_of(db, APP, Tag("one"))
    assert digest
    signature = f"{digest.replace(':', '-')}.sig"
    blob(db, b"signature")
    manifest(db, image(config=b"signature"), signature)
    rules = Rules(keep_newest=1)
    plan = {each.tag.name: each for each in look(db, APP, rules).tags}
    assert (plan[signature].keep, plan[signature].why) == (True, "it goes with its image")
    assert [name for name, each in plan.items() if each.keep] == [signature, "three"]
    await apply(database, look(db, APP, rules), 0)
    assert names(db) == [signature, "three"]
    late = look(db, APP, rules)
    manifests.remove(db, APP, Digest.parse(digest))
    await apply(database, late, 0)
    assert names(db) == [signature, "three"]
    await apply(database, look(db, APP, rules), 0)
    assert names(db) == ["three"]
