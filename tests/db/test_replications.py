"""Rules of replication, what they have to do, and whose move of a tag holds; on both databases."""

import time
from dataclasses import replace

import pytest
from tests.content import dump, image

from entrepot.db import manifests, replicated, replication_tags, replications, tags
from entrepot.db.connection import Connection
from entrepot.db.replicated import Mark
from entrepot.db.replication_tags import Outcome, State
from entrepot.db.replications import Direction, Replication
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository, Tag

RULE = Replication(
    "far",
    Direction.PUSH,
    "https://far.test",
    "team/*",
    login="bot",
    secret="very",
    target="copies",
    tags=("v*", "latest"),
    rate=1000,
    created_by="user:admin",
)
APP, TAG = Repository("team/app"), Tag("1.0")
ENTRY, GONE = ("team/app", "1.0", False), ("team/app", "1.0", True)


def test_what_is_added_is_found_and_can_be_changed(db: Connection) -> None:
    made = replications.add(db, RULE)
    assert replications.find(db, "far") == made
    assert replace(made, cursor=0, created_at=0) == RULE
    replications.put(db, replace(made, paused=True, deletions=True, tags=()))
    (found,) = replications.listed(db, "", 9)
    assert (found.paused, found.deletions, found.tags) == (True, True, ())
    assert replications.names(db) == ["far"]
    assert replications.remove(db, "far")
    assert not replications.remove(db, "far")


def test_when_all_is_compared(db: Connection) -> None:
    replications.add(db, RULE)
    assert found(db).next_compare() == 0
    replications.compared(db, "far", 1000.0, "")
    assert found(db).next_compare() == 1000 + RULE.every
    replications.compared(db, "far", None, "it is away")
    assert (found(db).compared_at, found(db).error) == (1000, "it is away")
    replications.ask(db, "far", 2000.0)
    assert found(db).next_compare() == 0


def found(db: Connection) -> Replication:
    rule = replications.find(db, "far")
    assert rule is not None
    return rule


def test_a_tag_waits_is_tried_again_and_done(db: Connection) -> None:
    replications.add(db, RULE)
    replication_tags.enlist(db, "far", [(ENTRY, 50.0)], 60.0)
    assert replication_tags.due(db, "far", 59.0, 9) == []
    (item,) = replication_tags.due(db, "far", 60.0, 9)
    replication_tags.fail(db, item, "it is away", 90.0)
    standing = replication_tags.standing(db, "far")
    assert (standing.waiting, standing.failing, standing.oldest) == (1, 1, 50.0)
    assert standing.error == "it is away"
    assert replication_tags.next_at(db, "far", 60.0) == 90
    replication_tags.end(db, item, Outcome(State.DONE, "sha256:1", "p"), 95.0)
    standing = replication_tags.standing(db, "far")
    assert (standing.waiting, standing.done, standing.oldest) == (0, 1, None)
    assert replication_tags.of(db, "far", "team/app")["1.0"].digest == "sha256:1"


def test_a_change_meanwhile_is_not_lost(db: Connection) -> None:
    replications.add(db, RULE)
    replication_tags.enlist(db, "far", [(ENTRY, 50.0)], 60.0)
    (item,) = replication_tags.due(db, "far", 60.0, 9)
    replication_tags.enlist(db, "far", [(GONE, 70.0)], 70.0)
    replication_tags.end(db, item, Outcome(State.DONE, "sha256:1", "p"), 95.0)
    (item,) = replication_tags.due(db, "far", 70.0, 9)
    assert (item.gone, item.since) == (True, 50.0)
    replication_tags.forget(db, item)
    assert replication_tags.page(db, "far", None, ("", ""), 9) == []


def test_what_waits_keeps_a_better_place(db: Connection) -> None:
    replications.add(db, RULE)
    replication_tags.enlist(db, "far", [(("team/app", "first", False), 9.0)], 10.0)
    replication_tags.enlist(db, "far", [(ENTRY, 9.0)], 5.0)
    replication_tags.enlist(db, "far", [(ENTRY, 20.0)], 20.0)
    assert [item.tag for item in replication_tags.due(db, "far", 60.0, 9)] == ["1.0", "first"]
    (item, _) = replication_tags.due(db, "far", 60.0, 9)
    replication_tags.fail(db, item, "it is away", 90.0)
    replication_tags.enlist(db, "far", [(ENTRY, 30.0)], 30.0)
    assert [item.next_at for item in replication_tags.due(db, "far", 60.0, 9)] == [10.0, 30.0]


def test_pages(db: Connection) -> None:
    replications.add(db, RULE)
    names = [("a", "1", False), ("a", "2", False), ("b", "1", False)]
    replication_tags.enlist(db, "far", [(each, 1.0) for each in names], 1.0)
    page = replication_tags.page(db, "far", State.WAITING, ("a", "1"), 9)
    assert [(each.repository, each.tag) for each in page] == [("a", "2"), ("b", "1")]
    assert replication_tags.page(db, "far", State.DONE, ("", ""), 9) == []
    assert replication_tags.repositories(db, "far") == ["a", "b"]


def push(db: Connection, word: str, tag: Tag = TAG) -> str:
    manifest = Manifest.read(dump(image(annotations={"is": word})), "")
    manifests.put(db, APP, manifest, [tag], sparse=True)
    return str(manifest.digest)


OTHER = "sha256:" + "f" * 64
EARLIER, LATER = -100.0, 100.0


@pytest.mark.parametrize(
    ("seconds", "digest", "holds"),
    [
        pytest.param(LATER, OTHER, False, id="a later move"),
        pytest.param(EARLIER, OTHER, True, id="an earlier move"),
        pytest.param(EARLIER, None, True, id="an earlier deletion"),
        pytest.param(LATER, None, False, id="a later deletion"),
    ],
)
def test_the_later_move_holds(
    db: Connection, seconds: float, digest: str | None, *, holds: bool
) -> None:
    here = push(db, "ours")
    mark = Mark("o", time.time() + seconds)
    assert replicated.holds(db, APP, "1.0", digest, mark) == (here if holds else "")


def test_of_two_at_the_same_moment_the_greater_digest_holds(db: Connection) -> None:
    here = push(db, "ours")
    now = moment(db)
    assert replicated.holds(db, APP, "1.0", OTHER, Mark("o", now)) == ""
    assert replicated.holds(db, APP, "1.0", "sha256:" + "0" * 64, Mark("o", now)) == here


def moment(db: Connection) -> float:
    found = replicated.moved(db, APP, "1.0")
    assert found is not None
    return found.at


def test_a_copy_has_the_time_of_its_origin_until_it_moves_here(db: Connection) -> None:
    here = push(db, "theirs")
    replicated.note(db, APP, "1.0", Mark("o", 1000.0))
    moved = replicated.moved(db, APP, "1.0")
    assert moved == replicated.Moved(here, 1000.0, "o")
    push(db, "ours")
    assert push(db, "theirs") == here
    moved = replicated.moved(db, APP, "1.0")
    assert moved is not None
    assert moved.origin == ""
    assert moved.at > 1000


def test_a_later_deletion_counts_where_it_is_said(db: Connection) -> None:
    push(db, "ours")
    assert tags.remove(db, APP, TAG) is not None
    before = time.time() - 100
    assert replicated.holds(db, APP, "1.0", OTHER, Mark("o", before)) == ""
    assert replicated.holds(db, APP, "1.0", OTHER, Mark("o", before, True)) == "deleted"
    assert replicated.holds(db, APP, "1.0", OTHER, Mark("o", time.time() + 9, True)) == ""
    replicated.note(db, APP, "1.0", Mark("o", before - 1))
    assert replicated.went(db, APP, "1.0") == before - 1


def test_a_registry_keeps_its_name(db: Connection) -> None:
    assert replicated.own(db) == replicated.own(db)


def test_where_a_tag_came_from_is_forgotten_when_it_is_no_copy(db: Connection) -> None:
    for tag in ("kept", "moved", "gone"):
        push(db, tag, Tag(tag))
        replicated.note(db, APP, tag, Mark("o", 1000.0))
    push(db, "elsewhere", Tag("moved"))
    tags.remove(db, APP, Tag("gone"))
    replicated.note(db, APP, "gone", Mark("o", 2000.0))
    soon = time.time() + 1
    assert replicated.past(db, soon - 1000, 10) == []
    assert len(replicated.past(db, soon, 1)) == 1
    past = replicated.past(db, soon, 10)
    assert sorted(past) == [("team/app", "gone"), ("team/app", "moved")]
    replicated.forget(db, past, soon)
    assert replicated.past(db, soon, 10) == []
    kept = replicated.moved(db, APP, "kept")
    assert kept is not None
    assert kept.origin == "o"
