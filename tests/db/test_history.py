"""The moves of a tag, from the log of changes: what it was, when, and why."""

import time
from collections.abc import Callable

import pytest
from tests.content import dump, image
from tests.db.pushed import APP, OTHER, blob, manifest

from entrepot.db import (
    history,
    manifests,
    purge,
    repositories,
    restore,
    tags,
    trash,
    whereabouts,
)
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.history import Move
from entrepot.db.trash import DAY, Keep
from entrepot.db.whereabouts import State
from entrepot.oci.digest import Digest
from entrepot.oci.names import Tag

ONE, TWO, THREE = image(), image(b"layer"), image(b"layer", b"layer")
A, B, C = (Digest.of(dump(each)) for each in (ONE, TWO, THREE))
TAG = Tag("1")
BY = By("user:alice")
KEEP = Keep(DAY, "a rule")


@pytest.fixture
def db(db: Connection) -> Connection:
    for content in (b"{}", b"layer"):
        blob(db, content)
        blob(db, content, OTHER)
    return db


def push(db: Connection, document: dict[str, object], tag: str = "1") -> None:
    manifest(db, document, tag)


def told(db: Connection) -> list[tuple[str, str | None, str | None]]:
    """What happened, the newest first, with letters for digests."""
    letters: dict[str | None, str | None] = {str(A): "A", str(B): "B", str(C): "C", None: None}
    return [(x.kind.value, letters[x.old], letters[x.new]) for x in history.moves(db, APP, TAG)]


def bring(db: Connection, number: int | None) -> None:
    assert number is not None
    item = trash.find(db, number)
    assert item is not None
    restore.restore(db, item, move=True, sparse=False, by=BY)


def delete_all(db: Connection) -> int:
    found = repositories.remove(db, APP, keep=KEEP, by=BY)
    assert found is not None
    for content in (b"{}", b"layer"):  # what comes next is pushed anew
        blob(db, content)
    return found


def test_moves_are_told_the_newest_first(db: Connection) -> None:
    before = time.time()
    push(db, ONE)
    push(db, TWO)
    push(db, TWO)
    push(db, ONE, "another")
    manifest(db, THREE, "1", repository=OTHER)
    newest, first = history.moves(db, APP, TAG)
    assert (first.old, first.new, newest.old, newest.new) == (None, str(A), str(A), str(B))
    assert before <= first.at <= newest.at <= time.time()
    assert history.find(db, APP, TAG, first.number) == first
    assert history.find(db, APP, TAG, newest.number) == newest
    assert list(history.moves(db, APP, TAG, newest.number)) == [first]
    assert history.find(db, APP, Tag("another"), newest.number) is None
    assert history.find(db, APP, TAG, newest.number + 1) is None
    assert list(history.moves(db, APP, Tag("none"))) == []


def gone_and_back(db: Connection) -> None:
    push(db, ONE)
    bring(db, tags.remove(db, APP, TAG, keep=KEEP))


def manifest_gone_and_back(db: Connection) -> None:
    push(db, ONE)
    bring(db, manifests.remove(db, APP, A, keep=KEEP))


def all_gone_and_back(db: Connection) -> None:
    push(db, ONE)
    found = repositories.remove(db, APP, keep=KEEP)
    bring(db, found)
    push(db, TWO)


def made_again(db: Connection) -> None:
    push(db, ONE)
    delete_all(db)
    push(db, TWO)


def older_one_back(db: Connection) -> None:
    """Two of that name were deleted; the one that comes back is the older."""
    push(db, ONE)
    first = delete_all(db)
    push(db, TWO)
    repositories.remove(db, APP, keep=KEEP)
    bring(db, first)


def not_there_then(db: Connection) -> None:
    """What happened to the repository before the tag came is none of its moves."""
    push(db, ONE, "another")
    bring(db, repositories.remove(db, APP, keep=KEEP))
    push(db, ONE)
    tags.remove(db, APP, TAG, keep=KEEP)
    repositories.remove(db, APP, keep=KEEP)


def taken_out_and_purged(db: Connection) -> None:
    """A tag of a repository that comes back, but whose manifest was taken out of it meanwhile."""
    push(db, ONE)
    push(db, TWO, "2")
    whole = delete_all(db)
    push(db, ONE, "another")  # it is fetched from there when it is restored by itself
    found = manifests.remove(db, APP, A, keep=Keep(-1))
    assert found is not None
    hidden = db.execute("select id from repository where trash = ?", (whole,)).fetchone()[0]
    db.execute(
        "delete from edge where manifest in (select id from manifest where repository = ? "
        "and digest = ?)",
        (hidden, str(A)),
    )
    db.execute("delete from manifest where repository = ? and digest = ?", (hidden, str(A)))
    repositories.remove(db, APP, keep=Keep(-1))
    bring(db, whole)


def purged_and_made_again(db: Connection) -> None:
    """The log outlives what it tells of."""
    push(db, ONE)
    item = trash.find(db, delete_all(db))
    assert item is not None
    ended = trash.end(db, item)
    while not purge.purge(db, ended, 1):
        pass
    push(db, TWO)


CASES: dict[str, tuple[Callable[[Connection], None], list[tuple[str, str | None, str | None]]]] = {
    "deleted and restored": (
        gone_and_back,
        [("restored", None, "A"), ("untagged", "A", None), ("tagged", None, "A")],
    ),
    "with its manifest": (
        manifest_gone_and_back,
        [("restored", None, "A"), ("untagged", "A", None), ("tagged", None, "A")],
    ),
    "with its repository": (
        all_gone_and_back,
        [
            ("tagged", "A", "B"),
            ("restored", None, "A"),
            ("repository deleted", "A", None),
            ("tagged", None, "A"),
        ],
    ),
    "its repository made again": (
        made_again,
        [("tagged", None, "B"), ("repository deleted", "A", None), ("tagged", None, "A")],
    ),
    "its repository purged and made again": (
        purged_and_made_again,
        [("tagged", None, "B"), ("repository deleted", "A", None), ("tagged", None, "A")],
    ),
    "the older of two repositories": (
        older_one_back,
        [
            ("restored", None, "A"),
            ("repository deleted", "B", None),
            ("tagged", None, "B"),
            ("repository deleted", "A", None),
            ("tagged", None, "A"),
        ],
    ),
    "not there then": (not_there_then, [("untagged", "A", None), ("tagged", None, "A")]),
    "its manifest lost meanwhile": (
        taken_out_and_purged,
        [
            ("untagged", "A", None),
            ("restored", None, "A"),
            ("repository deleted", "A", None),
            ("tagged", None, "A"),
        ],
    ),
}


@pytest.mark.parametrize(("act", "wanted"), CASES.values(), ids=CASES)
def test_what_went_and_came_back(
    db: Connection,
    act: Callable[[Connection], None],
    wanted: list[tuple[str, str | None, str | None]],
) -> None:
    act(db)
    assert told(db) == wanted
    now = tags.digest_of(db, APP, TAG)
    assert next(history.moves(db, APP, TAG)).new == now


def test_a_row_of_before_the_log_said_which_came_back(db: Connection) -> None:
    push(db, ONE)
    bring(db, repositories.remove(db, APP, keep=KEEP))
    db.execute("update change set trash = null")
    assert told(db)[0] == ("restored", None, "A")


def test_a_rule_says_why(db: Connection) -> None:
    push(db, ONE)
    tags.remove(db, APP, TAG, keep=KEEP, by=BY)
    gone = next(history.moves(db, APP, TAG))
    assert (gone.reason, gone.actor) == ("a rule", "user:alice")
    push(db, ONE)
    tags.remove(db, APP, TAG, keep=KEEP, reason="not ours")
    assert next(history.moves(db, APP, TAG)).reason == "not ours"
    push(db, ONE)
    manifests.remove(db, APP, A, keep=KEEP, reason="nor this")
    assert next(history.moves(db, APP, TAG)).reason == "nor this"


@pytest.fixture
def dated(db: Connection) -> list[Move]:
    """Moves at 10, 20, …: A, B, gone, A, with all gone at 50 and back at 60."""
    push(db, ONE)
    push(db, TWO)
    tags.remove(db, APP, TAG)
    push(db, ONE)
    bring(db, repositories.remove(db, APP, keep=KEEP))
    found = list(history.moves(db, APP, TAG))[::-1]
    for i, each in enumerate(found, 1):
        db.execute("update change set at = ? where id = ?", (i * 10, each.number))
    return list(history.moves(db, APP, TAG))[::-1]


@pytest.mark.parametrize(
    ("moment", "wanted"),
    [(9.5, None), (10, A), (19.9, A), (25, B), (30, None), (45, A), (55, None), (1e12, A)],
)
def test_as_of_a_time(
    db: Connection, dated: list[Move], moment: float, wanted: Digest | None
) -> None:
    found = history.at(db, APP, TAG, moment)
    assert (found and found.new) == (wanted and str(wanted))


@pytest.mark.parametrize(("steps", "move"), [(1, 3), (2, 1), (3, 0), (4, None)])
def test_so_many_moves_before(
    db: Connection, dated: list[Move], steps: int, move: int | None
) -> None:
    wanted = None if move is None else dated[move]
    assert history.back(db, APP, TAG, steps) == wanted


def test_what_it_was_otherwise(db: Connection, dated: list[Move]) -> None:
    assert history.other(db, APP, TAG, str(A)) == dated[1]
    assert history.other(db, APP, TAG, str(B)) == dated[5]
    assert history.other(db, APP, TAG, None) == dated[5]
    assert history.other(db, APP, Tag("none"), None) is None


def test_more_moves_than_a_page(db: Connection) -> None:
    rows = [(i, "tagged", "team/app", "many", str(i - 1), str(i)) for i in range(1, 1203)]
    db.executemany(
        "insert into change (at, actor, kind, repository, reference, old, new) "
        "values (?, 'a', ?, ?, ?, ?, ?)",
        rows,
    )
    found = [move.new for move in history.moves(db, APP, Tag("many"))]
    assert found == [str(i) for i in range(1202, 0, -1)]


def test_the_history_of_one_tag_is_one_range(sqlite: Connection) -> None:
    plan = sqlite.execute(
        "explain query plan select id from change where repository = ? and reference = ? "
        "and id < ? order by id desc",
        ("a", "b", 1),
    ).fetchall()
    assert "using covering index change_reference" in str(plan).lower()
    assert "temp b-tree" not in str(plan).lower()


def test_where_a_manifest_is(db: Connection) -> None:
    push(db, ONE)
    assert whereabouts.look(db, APP, str(A)).state is State.HERE
    item = manifests.remove(db, APP, A, keep=KEEP)
    found = whereabouts.look(db, APP, str(A))
    assert (found.state, found.item) == (State.TRASH, item)
    assert found.until is not None
    assert found.until > time.time()
    bring(db, item)
    whole = repositories.remove(db, APP, keep=KEEP)
    found = whereabouts.look(db, APP, str(A))
    assert (found.state, found.item) == (State.TRASH, whole)
    db.execute("update trash set until = 1")
    assert whereabouts.look(db, APP, str(A)).state is State.GONE
    assert whereabouts.look(db, OTHER, str(A)).state is State.GONE
