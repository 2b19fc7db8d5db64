"""The trash: what is deleted goes out of sight and comes back whole, with what it needs."""

import json
import time
from typing import Any

import pytest
from tests.content import dump, image, index
from tests.db.pushed import APP, OTHER, blob, garbage, large, log, manifest

from entrepot.db import blobs, manifests, purge, repositories, tags, trash
from entrepot.db.audit import NOBODY
from entrepot.db.engine import SQLite
from entrepot.db.repositories import EVERYTHING
from entrepot.db.restore import Kept, Restored, restore
from entrepot.db.trash import Item, Keep, Kind
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository, Tag

KEEP = Keep(100)
PLAIN, LAYERED = image(), image(b"layer")
ARM = image(b"arm")
ALL = index(PLAIN, ARM)
SIGNATURE: dict[str, Any] = image(
    b"signed",
    subject={
        "mediaType": LAYERED["mediaType"],
        "digest": str(Digest.of(dump(LAYERED))),
        "size": len(dump(LAYERED)),
    },
)


@pytest.fixture
def db(db: SQLite) -> SQLite:
    for content in (b"{}", b"layer", b"arm", b"signed"):
        blob(db, content)
    return db


def delete(db: SQLite, *digests: Digest, keep: Keep = KEEP) -> list[Item]:
    for digest in digests:
        assert manifests.remove(db, APP, digest, keep=keep)
    return trash.listed(db, APP, 2**62, 100)[: len(digests)][::-1]


def untag(db: SQLite, tag: str, keep: Keep = KEEP) -> Item:
    assert tags.remove(db, APP, Tag(tag), keep=keep)
    return trash.listed(db, APP, 2**62, 1)[0]


def drop(db: SQLite, keep: Keep = KEEP) -> Item:
    assert repositories.remove(db, APP, keep=keep)
    return trash.listed(db, APP, 2**62, 1)[0]


def bring(db: SQLite, item: Item, *, move: bool = False) -> Restored:
    return restore(db, item, move=move, sparse=False, by=NOBODY)


def shown(db: SQLite, *references: str | Digest) -> list[str | None]:
    """What these references give."""
    found = []
    for reference in references:
        known = Tag(reference) if isinstance(reference, str) else reference
        stored = manifests.find(db, APP, known)
        found.append(stored.digest if stored else None)
    return found


def table(db: SQLite, name: str) -> list[Any]:
    """All that a table has, but for what only says when."""
    rows = db.execute(f"select * from {name}")
    columns = [column[0] for column in rows.description]
    left = [i for i, column in enumerate(columns) if column not in ("moved_at", "idle_since")]
    return sorted(tuple(row[i] for i in left) for row in rows)


KEPT = ("manifest", "tag", "edge", "repository_blob", "repository", "project_blob", "project_usage")


def test_a_tag_comes_back(db: SQLite) -> None:
    digest = manifest(db, PLAIN, "1")
    item = untag(db, "1")
    assert (item.kind, item.reference, item.digest, item.name) == (
        Kind.TAG,
        "1",
        str(digest),
        "team/app:1",
    )
    assert shown(db, "1", digest) == [None, str(digest)]
    assert bring(db, item) == Restored(tags=1)
    assert shown(db, "1") == [str(digest)]
    assert log(db)[-1] == ("restored", "1", None, str(digest))
    assert trash.listed(db, None, 2**62, 10) == []


def test_a_tag_brings_its_manifest_back(db: SQLite) -> None:
    digest = manifest(db, LAYERED, "1", "2")
    item = untag(db, "1")
    delete(db, digest)
    assert bring(db, item) == Restored(manifests=1, tags=2)
    assert shown(db, "1", "2") == [str(digest)] * 2


def test_a_manifest_comes_back_as_it_was(db: SQLite) -> None:
    digest = manifest(db, SIGNATURE | LAYERED, "1", "latest")
    before = {name: table(db, name) for name in KEPT}
    [item] = delete(db, digest)
    assert shown(db, "1", "latest", digest) == [None] * 3
    assert repositories.catalog(db, EVERYTHING, "", 10) == []
    assert (item.kind, item.reference) == (Kind.MANIFEST, str(digest))
    assert bring(db, item) == Restored(manifests=1, tags=2)
    assert {name: table(db, name) for name in KEPT} == before
    assert shown(db, "1", "latest") == [str(digest)] * 2
    assert repositories.catalog(db, EVERYTHING, "", 10) == ["team/app"]


def test_what_it_needs_is_kept_though_a_client_deletes_it(db: SQLite) -> None:
    digest = manifest(db, LAYERED, "1")
    [item] = delete(db, digest)
    layer = Digest.of(b"layer")
    assert blobs.remove(db, APP, layer)
    assert blobs.find(db, APP, layer) is None
    bring(db, item)
    assert blobs.find(db, APP, layer) is not None
    with pytest.raises(OCIError):
        blobs.remove(db, APP, layer)


def test_an_index_brings_back_what_it_lists(db: SQLite) -> None:
    plain, arm = manifest(db, PLAIN), manifest(db, ARM, "arm")
    everything, nested = manifest(db, ALL, "all"), manifest(db, index(ALL), "nested")
    items = delete(db, nested, everything, arm, plain)
    assert bring(db, items[0]) == Restored(manifests=4, tags=3)
    assert shown(db, "nested", "all", "arm") == [str(nested), str(everything), str(arm)]
    assert trash.listed(db, None, 2**62, 10) == []


def test_a_child_comes_back_alone(db: SQLite) -> None:
    plain, _arm = manifest(db, PLAIN), manifest(db, ARM)
    everything = manifest(db, ALL, "all")
    items = delete(db, everything, plain)
    assert bring(db, items[1]) == Restored(manifests=1)
    assert shown(db, plain, everything) == [str(plain), None]


def test_a_subject_brings_back_the_referrers_that_went_after_it(db: SQLite) -> None:
    early, subject = (
        manifest(db, SIGNATURE | {"annotations": {"a": "early"}}),
        manifest(db, LAYERED),
    )
    signature = manifest(db, SIGNATURE, "signature")
    items = delete(db, early, subject, signature)
    assert bring(db, items[1]) == Restored(manifests=2, tags=1)
    assert shown(db, early, subject, "signature") == [None, str(subject), str(signature)]


def test_referrers_stay_where_their_subject_goes(db: SQLite) -> None:
    subject, signature = manifest(db, LAYERED), manifest(db, SIGNATURE)
    delete(db, subject)
    assert shown(db, signature) == [str(signature)]


@pytest.mark.parametrize("move", [False, True], ids=["left", "moved"])
def test_a_tag_that_points_elsewhere_by_now(db: SQLite, move: bool) -> None:
    old = manifest(db, LAYERED, "1", "2")
    [item] = delete(db, old)
    new = manifest(db, PLAIN, "1")
    restored = bring(db, item, move=move)
    kept = [] if move else [Kept("1", str(new), str(old))]
    assert restored == Restored(1, 2 if move else 1, kept)
    assert shown(db, "1", "2") == [str(old if move else new), str(old)]
    if move:
        assert ("restored", "1", str(new), str(old)) in log(db)


def test_pushing_again_what_lies_in_the_trash_is_simply_a_push(db: SQLite) -> None:
    digest = manifest(db, LAYERED, "1")
    first, second = *delete(db, digest), None
    assert manifest(db, LAYERED, "1", "2") == digest
    [second] = delete(db, digest)
    assert bring(db, first) == Restored(1, 1)
    assert bring(db, second) == Restored(0, 2)
    assert shown(db, "1", "2") == [str(digest)] * 2
    assert db.execute("select count(*) from manifest").fetchone() == (1,)


def test_a_repository_comes_back_as_it_was(db: SQLite) -> None:
    manifest(db, PLAIN)
    manifest(db, ARM, "arm")
    everything = manifest(db, ALL, "all")
    before = {name: table(db, name) for name in KEPT}
    item = drop(db)
    assert (item.kind, item.reference, item.name) == (Kind.REPOSITORY, "", "team/app")
    assert log(db)[-1] == ("repository deleted", "", None, None)
    assert shown(db, "all", everything) == [None, None]
    assert blobs.find(db, APP, Digest.of(b"arm")) is None
    assert blobs.linked(db, Digest.of(b"arm"), 10) == []
    assert not blobs.mount(db, OTHER, APP, Digest.of(b"arm"))
    assert repositories.catalog(db, EVERYTHING, "", 10) == []
    assert not repositories.remove(db, APP, keep=KEEP)
    assert bring(db, item) == Restored(3, 2)
    assert log(db)[-1] == ("restored", "", None, None)
    assert {name: table(db, name) for name in KEPT} == before


def test_a_repository_comes_back_into_another_of_its_name(db: SQLite) -> None:
    old = manifest(db, PLAIN, "1", "2", "3")
    manifest(db, ARM)
    everything = manifest(db, ALL, "all")
    item = drop(db)
    for content in (b"{}", b"layer"):
        blob(db, content)
    new = manifest(db, LAYERED, "2", "3")
    manifest(db, PLAIN, "3")
    assert bring(db, item) == Restored(2, 3, [Kept("2", str(new), str(old))])
    assert shown(db, "1", "2", "3", "all") == [str(old), str(new), str(old), str(everything)]
    assert db.execute("select count(*), max(trash) from repository").fetchone() == (1, None)


def test_out_of_a_deleted_repository_only_what_is_needed_comes(db: SQLite) -> None:
    manifest(db, PLAIN, "plain")
    manifest(db, ARM, "arm")
    everything = manifest(db, ALL, "all")
    manifest(db, LAYERED, "other")
    tag, whole = untag(db, "all"), drop(db)
    assert bring(db, tag) == Restored(3, 1)
    assert shown(db, "all", "arm", "other") == [str(everything), None, None]
    assert bring(db, whole) == Restored(1, 3)
    assert None not in shown(db, "all", "plain", "arm", "other")


def test_what_was_taken_out_and_deleted_again_is_found(db: SQLite) -> None:
    manifest(db, PLAIN, "plain")
    manifest(db, ARM, "arm")
    manifest(db, ALL, "all")
    tag, whole = untag(db, "plain"), drop(db)
    bring(db, tag)
    drop(db)
    assert bring(db, whole) == Restored(3, 2)
    assert None not in shown(db, "all", "arm", Digest.of(dump(PLAIN)))
    assert shown(db, "plain") == [None]


def gone(db: SQLite, item: Item, limit: int = 1) -> int:
    """Purge something; in how many transactions."""
    item = trash.end(db, item)
    steps = 1
    while not purge.purge(db, item, limit):
        steps += 1
    return steps


def test_a_purged_child_is_missed(db: SQLite) -> None:
    plain, _arm = manifest(db, PLAIN), manifest(db, ARM)
    everything = manifest(db, ALL, "all")
    items = delete(db, everything, plain)
    gone(db, items[1])
    db.execute("begin")
    with pytest.raises(OCIError, match=f"gone for good: push {plain} to team/app") as refused:
        bring(db, items[0])
    db.execute("rollback")
    assert refused.value.code is Code.MANIFEST_BLOB_UNKNOWN
    assert shown(db, everything) == [None]
    manifest(db, PLAIN)
    assert bring(db, items[0]) == Restored(1, 1)


def test_a_tag_whose_manifest_was_purged_does_not_come_back(db: SQLite) -> None:
    digest = manifest(db, PLAIN, "1", "2")
    tag = untag(db, "1")
    [item] = delete(db, digest)
    gone(db, item)
    db.execute("begin")
    with pytest.raises(OCIError) as refused:
        bring(db, tag)
    db.execute("rollback")
    assert refused.value.code is Code.MANIFEST_UNKNOWN


def test_a_repository_comes_back_without_the_tags_of_what_was_purged(
    db: SQLite,
) -> None:
    digest = manifest(db, PLAIN, "1", "2")
    manifest(db, LAYERED, "3")
    tag, whole = untag(db, "1"), drop(db)
    bring(db, tag)
    [item] = delete(db, digest)
    gone(db, item)
    assert bring(db, whole) == Restored(1, 1, [], ["2"])
    assert shown(db, "2", "3") == [None, str(Digest.of(dump(LAYERED)))]


def test_purging_ends_in_small_steps(db: SQLite) -> None:
    large(db, "a" * 32)
    for document in (PLAIN, ARM, LAYERED):
        manifest(db, document, "t")
    item = drop(db)
    assert trash.find(db, item.id) == item
    assert gone(db, item) == 3 + 5 + 1
    assert trash.find(db, item.id) is None
    assert garbage(db) == ["a" * 32]
    for name in ("manifest", "tag", "edge", "repository_blob", "repository", "blob", "trash"):
        assert table(db, name) == [], name
    assert table(db, "project_usage") == [("team", 0, 0)]


def test_purging_takes_what_nobody_else_has(db: SQLite) -> None:
    layered = manifest(db, LAYERED)
    manifest(db, PLAIN)
    [item] = delete(db, layered)
    gone(db, item)
    for content, left in ((b"layer", True), (b"{}", True)):
        assert (blobs.stored(db, Digest.of(content)) is not None) == left
    blobs.remove(db, APP, Digest.of(b"layer"))
    assert blobs.stored(db, Digest.of(b"layer")) is None


@pytest.mark.parametrize("what", ["tag", "manifest", "repository"])
def test_what_is_not_kept_cannot_be_restored(db: SQLite, what: str) -> None:
    digest = manifest(db, PLAIN, "1")
    if what == "tag":
        tags.remove(db, APP, Tag("1"))
    elif what == "manifest":
        manifests.remove(db, APP, digest)
    else:
        repositories.remove(db, APP)
    assert trash.listed(db, None, 2**62, 10) == []
    [item] = trash.ended(db, 10)
    assert trash.find(db, item.id) is None
    assert purge.purge(db, item, 100) == (what == "tag")


def test_the_audit_has_the_rule_that_deleted_something(db: SQLite) -> None:
    digest = manifest(db, PLAIN, "1", "2")
    tags.remove(db, APP, Tag("1"), keep=Keep(100, "keeps the newest only"))
    manifests.remove(db, APP, digest, keep=Keep(100, "nobody pulls it"))
    rows = db.execute(
        "select action, reference, detail from audit where detail <> '{}' order by id"
    ).fetchall()
    assert [(action, reference, json.loads(detail)) for action, reference, detail in rows] == [
        ("untagged", "1", {"why": "keeps the newest only"}),
        ("untagged", "2", {"why": "nobody pulls it"}),
        ("deleted", str(digest), {"why": "nobody pulls it"}),
    ]


def test_the_trash_is_listed_newest_first_by_repository_and_in_pages(
    db: SQLite,
) -> None:
    for tag in "abc":
        manifest(db, PLAIN, tag)
    items = [untag(db, tag) for tag in "abc"]
    other = Repository.parse("team/app/other")
    blob(db, b"{}", other)
    manifest(db, PLAIN, "x", repository=other)
    tags.remove(db, other, Tag("x"), keep=KEEP)
    assert [each.reference for each in trash.listed(db, None, 2**62, 10)] == ["x", "c", "b", "a"]
    assert trash.listed(db, APP, 2**62, 2) == items[:0:-1]
    assert trash.listed(db, APP, items[1].id, 2) == [items[0]]
    assert all(item.until == pytest.approx(time.time() + 100, abs=60) for item in items)
    assert (trash.of_project(db, "team"), trash.of_project(db, "tea")) == (4, 0)
