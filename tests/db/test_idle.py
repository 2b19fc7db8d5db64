"""What became idle: links and manifests, since when, and whether something keeps them after all."""

import time
from typing import Any

import pytest
from tests.content import dump, image, index
from tests.db.pushed import APP, OTHER, blob, manifest
from tests.db.test_trash import KEEP

from entrepot.db import blobs, idle, links, manifests, repositories, tags
from entrepot.db.connection import Connection
from entrepot.db.idle import Why
from entrepot.oci.digest import Digest
from entrepot.oci.names import Tag

PLAIN, ARM = image(), image(config=b"arm")


def overdue(db: Connection, **more: Any) -> list[tuple[str, str, bool]]:
    """Repository, digest and whether it is needed, of links that were ever idle."""
    found = links.overdue(db, time.time() + 1, more.pop("limit", 100), **more)
    return [(link.repository[1].name, link.digest, link.needed) for link in found]


def noted(db: Connection, why: Why) -> dict[str, bool]:
    """By digest, whether it is kept, of manifests that were written down."""
    return {each.digest: each.kept for each in idle.overdue(db, why, time.time() + 1, 100)}


def test_a_link_is_idle_until_somebody_looks(db: Connection) -> None:
    needed, spare = blob(db, b"{}"), blob(db, b"spare")
    manifest(db, PLAIN)
    assert overdue(db) == [("team/app", str(needed), True), ("team/app", str(spare), False)]
    for link in links.overdue(db, time.time() + 1, 100):
        if link.needed:
            links.settle(db, link)
    assert overdue(db) == [("team/app", str(spare), False)]
    assert links.overdue(db, time.time() - 100, 100) == []
    assert links.is_needed(db, APP, needed)
    assert not links.is_needed(db, APP, spare)
    assert not links.is_needed(db, OTHER, needed)


def test_links_are_listed_in_pages(db: Connection) -> None:
    digests = [str(blob(db, b"%d" % number)) for number in range(5)]
    db.execute("update repository_blob set idle_since = 7")
    found, after = [], links.START
    while page := links.overdue(db, time.time(), 2, after):
        last = page[-1]
        after = last.since, last.repository[0], last.blob
        found += [link.digest for link in page]
    assert found == digests


def test_what_is_needed_no_more_is_idle_again(db: Connection) -> None:
    config = blob(db, b"{}")
    digest = manifest(db, PLAIN, "1")
    for link in links.overdue(db, time.time() + 1, 100):
        links.settle(db, link)
    manifests.remove(db, APP, digest, keep=KEEP)
    hidden = ("team/app", str(config), True)
    assert sorted(overdue(db)) == sorted([("team/app", str(config), False), hidden])


@pytest.mark.parametrize("most", [1, 2, 5])
def test_links_are_counted_up_to_a_bound(db: Connection, most: int) -> None:
    digest = blob(db, b"shared")
    blobs.mount(db, OTHER, APP, digest)
    row = db.execute("select id from blob").fetchone()
    assert links.count(db, row[0], most) == min(most, 2)


def test_a_promise_renews_an_idle_link_alone(db: Connection) -> None:
    digest = blob(db, b"{}")
    db.execute("update repository_blob set idle_since = 7")
    assert links.promise(db, APP, digest)
    assert links.overdue(db, time.time() - 100, 100) == []
    db.execute("update repository_blob set idle_since = null")
    assert links.promise(db, APP, digest)
    assert overdue(db) == []
    assert not links.promise(db, OTHER, digest)


def test_manifests_are_written_down_when_something_leaves_them(db: Connection) -> None:
    for content in (b"{}", b"arm"):
        blob(db, content)
    plain, arm = manifest(db, PLAIN, "1"), manifest(db, ARM)
    assert noted(db, Why.UNTAGGED) == {str(arm): False}
    everything = manifest(db, index(ARM), "1")
    assert noted(db, Why.UNTAGGED) == {str(arm): True, str(plain): False}
    tags.remove(db, APP, Tag("1"))
    assert noted(db, Why.UNTAGGED)[str(everything)] is False
    manifests.remove(db, APP, everything, keep=KEEP)
    assert noted(db, Why.UNTAGGED) == {str(plain): False}
    assert noted(db, Why.ORPHANED) == {str(arm): False}


def test_referrers_are_orphaned_by_the_end_of_their_subject(db: Connection) -> None:
    blob(db, b"{}")
    subject = manifest(db, PLAIN, "1")
    entry = {"mediaType": PLAIN["mediaType"], "digest": str(subject), "size": len(dump(PLAIN))}
    signature = manifest(db, image(subject=entry))
    assert noted(db, Why.UNTAGGED) == {str(signature): True}
    manifests.remove(db, APP, subject, keep=KEEP)
    assert noted(db, Why.ORPHANED) == {str(signature): False}
    manifest(db, PLAIN)
    assert noted(db, Why.ORPHANED) == {str(signature): True}


def test_a_note_that_was_made_again_is_not_settled(db: Connection) -> None:
    blob(db, b"{}")
    digest = manifest(db, PLAIN)
    db.execute("update idle_manifest set since = 7")
    [found] = idle.overdue(db, Why.UNTAGGED, time.time(), 10)
    idle.untagged(db, 1, str(digest))
    idle.settle(db, found)
    [again] = idle.overdue(db, Why.UNTAGGED, time.time() + 1, 10)
    idle.settle(db, again)
    assert noted(db, Why.UNTAGGED) == {}


def test_what_lies_in_the_trash_is_kept(db: Connection) -> None:
    blob(db, b"{}")
    digest = manifest(db, PLAIN)
    repositories.remove(db, APP, keep=KEEP)
    assert noted(db, Why.UNTAGGED) == {str(digest): True}


def test_loose_manifests(db: Connection) -> None:
    for content in (b"{}", b"arm"):
        blob(db, content)
    plain, arm = manifest(db, PLAIN), manifest(db, ARM)
    found = idle.loose(db, APP, "", 10)
    assert [each.digest for each in found] == sorted([str(plain), str(arm)])
    assert [each.size for each in found] == [
        len(dump(PLAIN if each.digest == str(plain) else ARM)) for each in found
    ]
    manifest(db, PLAIN, "1")
    assert [each.digest for each in idle.loose(db, APP, "", 10)] == [str(arm)]
    assert idle.loose(db, APP, str(arm), 10) == []
    assert idle.loose(db, OTHER, "", 10) == []


def test_an_empty_repository_is_forgotten(db: Connection) -> None:
    digest = blob(db, b"{}")
    number = repositories.identify(db, APP)
    assert number is not None
    repositories.prune(db, number)
    assert repositories.identify(db, APP) == number
    blobs.remove(db, APP, digest)
    repositories.prune(db, number)
    assert repositories.identify(db, APP) is None
    assert blobs.stored(db, Digest.of(b"{}")) is None
