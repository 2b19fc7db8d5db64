"""A tag goes back: to what, where it cannot, and what the history says of it then."""

import pytest
from tests.content import dump, image
from tests.db.pushed import APP, blob, manifest

from entrepot.db import channels, history, immutable_rules, manifests, repositories, rollback, tags
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.immutable_rules import Kind
from entrepot.db.rollback import NoSuchMoveError, RollbackError
from entrepot.db.trash import DAY, Keep
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Tag

ONE, TWO = image(), image(b"layer")
A, B = (str(Digest.of(dump(each))) for each in (ONE, TWO))
TAG = Tag("1")
KEEP = Keep(DAY)


@pytest.fixture
def moved(db: Connection) -> Connection:
    """A tag that was A, and is B."""
    blob(db, b"{}")
    blob(db, b"layer")
    manifest(db, ONE, "1")
    manifest(db, TWO, "1")
    return db


def back(
    db: Connection, to: int | None = None, expected: str | None = None, reason: str = ""
) -> history.Move:
    chosen = rollback.plan(db, APP, TAG, to=to, expected=expected)
    return rollback.apply(db, APP, TAG, chosen, by=By("user:alice"), reason=reason)


def numbers(db: Connection) -> list[int]:
    """Of the moves, the oldest first."""
    return [move.number for move in history.moves(db, APP, TAG)][::-1]


def test_back_and_forth(moved: Connection) -> None:
    first, second = numbers(moved)
    found = back(moved, reason="it was broken")
    assert (found.old, found.new, found.actor) == (B, A, "user:alice")
    assert found.reason == "it was broken"
    assert tags.digest_of(moved, APP, TAG) == A
    assert back(moved).reason == f"back to move {second}"
    assert tags.digest_of(moved, APP, TAG) == B
    assert back(moved, to=first).new == A
    assert len(numbers(moved)) == 5


def test_a_deleted_tag_comes_back(moved: Connection) -> None:
    tags.remove(moved, APP, TAG)
    with pytest.raises(RollbackError, match="moved meanwhile and is deleted"):
        back(moved, expected=B)
    assert back(moved, expected="").new == B


def test_what_moved_meanwhile_stays(moved: Connection) -> None:
    with pytest.raises(RollbackError, match=f"moved meanwhile and points to {B}: look again"):
        back(moved, expected=A)
    assert back(moved, expected=B).new == A


def test_where_there_is_nothing_to_go_back_to(moved: Connection) -> None:
    first, second = numbers(moved)
    with pytest.raises(NoSuchMoveError, match=r"has no move 99: see entrepot tag history"):
        back(moved, to=99)
    with pytest.raises(RollbackError, match=r"points to sha256:.* already"):
        back(moved, to=second)
    with pytest.raises(NoSuchMoveError, match="has never been another image"):
        rollback.plan(moved, APP, Tag("none"), to=None)
    with pytest.raises(NoSuchMoveError, match="no move"):
        rollback.plan(moved, APP, Tag("none"), to=first)
    tags.remove(moved, APP, TAG)
    with pytest.raises(RollbackError, match=r"by move .* the tag went away"):
        back(moved, to=numbers(moved)[-1])


def test_where_the_manifest_is_not_here(moved: Connection) -> None:
    item = manifests.remove(moved, APP, Digest.parse(A), keep=KEEP)
    with pytest.raises(RollbackError, match=f"lies in the trash: entrepot trash restore {item}$"):
        back(moved)
    moved.execute("update trash set until = 1")
    with pytest.raises(RollbackError, match="is gone for good: push it again"):
        back(moved)
    whole = repositories.remove(moved, APP, keep=KEEP)
    with pytest.raises(RollbackError, match=f"lies in the trash: entrepot trash restore {whole}$"):
        back(moved)
    assert tags.digest_of(moved, APP, TAG) is None


def test_an_immutable_tag_stays(moved: Connection) -> None:
    immutable_rules.add(moved, "team/*", Kind.GLOB, "1", by="user:anna")
    with pytest.raises(OCIError, match="immutable"):
        back(moved)


def test_a_channel_goes_back_in_its_own_way(moved: Connection) -> None:
    channels.put(moved, "team", ["1"], "user:anna")
    with pytest.raises(OCIError, match="entrepot rollback team/app --channel 1 takes it back"):
        back(moved)
    assert tags.digest_of(moved, APP, TAG) == B
