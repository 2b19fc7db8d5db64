"""The log of changes: one row for each thing that happened, in the order in which it did."""

import json
from collections.abc import Callable

import pytest
from tests.content import dump, image
from tests.db.pushed import APP, OTHER, blob, log, manifest

from entrepot.db import blobs, changes, manifests, repositories, tags
from entrepot.db.connection import Connection
from entrepot.db.trash import DAY, Keep
from entrepot.oci.digest import Digest
from entrepot.oci.names import Tag

ONE, TWO = image(), image(b"layer")
D1, D2 = Digest.of(dump(ONE)), Digest.of(dump(TWO))
LAYER = Digest.of(b"layer")
V1 = Tag.parse("1")

CASES: dict[str, tuple[Callable[[Connection], object], list[tuple[object, ...]]]] = {
    "push a blob": (lambda db: blob(db, b"more"), []),
    "push a manifest": (lambda db: manifest(db, TWO), [("pushed", D2, None, D2)]),
    "push the same manifest": (lambda db: manifest(db, ONE), []),
    "make a tag": (lambda db: manifest(db, ONE, "2"), [("tagged", "2", None, D1)]),
    "make the same tag": (lambda db: manifest(db, ONE, "1"), []),
    "move a tag": (
        lambda db: manifest(db, TWO, "1"),
        [("pushed", D2, None, D2), ("tagged", "1", D1, D2)],
    ),
    "make two tags": (
        lambda db: manifest(db, ONE, "a", "b"),
        [("tagged", "a", None, D1), ("tagged", "b", None, D1)],
    ),
    "delete a tag": (lambda db: tags.remove(db, APP, V1), [("untagged", "1", D1, None)]),
    "delete no tag": (lambda db: tags.remove(db, APP, Tag.parse("none")), []),
    "delete a manifest": (
        lambda db: manifests.remove(db, APP, D1),
        [("untagged", "1", D1, None), ("deleted", D1, D1, None)],
    ),
    "delete no manifest": (lambda db: manifests.remove(db, APP, D2), []),
    "delete a blob": (
        lambda db: blobs.remove(db, APP, LAYER),
        [("blob deleted", LAYER, LAYER, None)],
    ),
    "delete no blob": (lambda db: blobs.remove(db, OTHER, LAYER), []),
}


@pytest.mark.parametrize(("act", "rows"), CASES.values(), ids=CASES)
def test_each_change_writes_its_rows(
    db: Connection,
    act: Callable[[Connection], object],
    rows: list[tuple[object, ...]],
) -> None:
    blob(db, b"{}")
    blob(db, b"layer")
    manifest(db, ONE, "1")
    before = len(log(db))
    act(db)
    wanted = [tuple(x if x is None else str(x) for x in row) for row in rows]
    assert log(db)[before:] == wanted


def test_followers_read_what_is_behind_their_cursor(db: Connection) -> None:
    blob(db, b"{}")
    assert changes.newest(db) == 0
    manifest(db, ONE, "1")
    cursor = changes.newest(db)
    assert cursor == 2
    blob(db, b"{}", OTHER)
    manifest(db, ONE, "a", "b", repository=OTHER)
    rows = [(n, kind, "team/other") for n, kind in [(3, "pushed"), (4, "tagged"), (5, "tagged")]]
    assert changes.after(db, cursor, 10) == rows
    assert changes.after(db, cursor, 2) == rows[:2]
    assert changes.after(db, 5, 10) == []


def test_a_log_cut_down_to_its_newest_row_counts_on(db: Connection) -> None:
    """A number that came again would be skipped by followers, whose cursors are behind it."""
    blob(db, b"{}")
    manifest(db, ONE, "1")
    newest = changes.newest(db)
    db.execute("delete from change where id < ?", (newest,))
    tags.remove(db, APP, V1)
    assert changes.newest(db) == newest + 1


def test_why_is_in_the_log_and_in_the_audit(db: Connection) -> None:
    blob(db, b"{}")
    blob(db, b"layer")
    manifest(db, ONE, "1")
    number = repositories.ensure(db, APP)
    tags.point(db, (number, APP), V1, manifest(db, TWO), reason="it was broken")
    told = db.execute("select reason from change order by id desc limit 1").fetchone()
    detail = db.execute("select detail from audit order by id desc limit 1").fetchone()
    assert told == ("it was broken",)
    assert json.loads(detail[0]) == {"old": str(D1), "why": "it was broken"}
    tags.remove(db, APP, V1, keep=Keep(DAY, "the rule v*"))
    assert db.execute("select reason from change order by id desc limit 1").fetchone() == (
        "the rule v*",
    )
