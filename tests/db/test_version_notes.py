import pytest
from tests.content import EMPTY, image, index
from tests.db.pushed import APP, blob, log, manifest

from entrepot.db import image_sizes, repositories, tags, version_notes
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.version_notes import Kind, Note, Place, Read
from entrepot.oci.digest import Digest
from entrepot.oci.names import Tag

EVE = By("user:eve")
ONE = Tag("1.0.0")


@pytest.fixture
def place(db: Connection) -> Place:
    for content in (EMPTY, b"layer", b"other"):
        blob(db, content)
    manifest(db, image(b"layer"), "1.0.0", "1.1.0")
    number = repositories.identify(db, APP)
    assert number is not None
    return number, APP


def notes(db: Connection, place: Place) -> dict[tuple[str, Kind], str]:
    found = version_notes.of(db, place[0], ["1.0.0", "1.1.0"])
    return {(tag, kind): note.text for (tag, _, kind), note in found.items()}


def test_a_note_is_written_changed_and_taken_away(db: Connection, place: Place) -> None:
    for text in ("first", "second"):
        assert version_notes.write(db, place, ONE, (Kind.PLAN, text), by=EVE)
    version_notes.write(db, place, ONE, (Kind.DESCRIPTION, "brings"), by=EVE)
    assert notes(db, place) == {
        ("1.0.0", Kind.PLAN): "second",
        ("1.0.0", Kind.DESCRIPTION): "brings",
    }
    version_notes.write(db, place, ONE, (Kind.PLAN, ""), by=EVE)
    assert notes(db, place) == {("1.0.0", Kind.DESCRIPTION): "brings"}
    (note,) = version_notes.of(db, place[0], ["1.0.0"]).values()
    assert note == Note("brings", "user:eve", note.at)


def test_a_note_is_in_the_log_and_moves_nothing(db: Connection, place: Place) -> None:
    version_notes.write(db, place, ONE, (Kind.PLAN, "Friday"), by=EVE)
    kind, reference, old, new = log(db)[-1]
    assert (kind, reference) == ("planned", "1.0.0")
    assert old == new == tags.digest_of(db, APP, ONE)


def test_no_tag_no_note(db: Connection, place: Place) -> None:
    before = log(db)
    assert not version_notes.write(db, place, Tag("2"), (Kind.PLAN, "x"), by=EVE)
    assert log(db) == before


def test_notes_stay_with_their_image(db: Connection, place: Place) -> None:
    version_notes.write(db, place, ONE, (Kind.PLAN, "x"), by=EVE)
    old = tags.digest_of(db, APP, ONE)
    manifest(db, image(b"other"), "1.0.0")
    (of,) = version_notes.of(db, place[0], ["1.0.0"])
    assert of == ("1.0.0", old, Kind.PLAN)


def test_who_pushed_first(db: Connection, place: Place) -> None:
    digest = tags.digest_of(db, APP, ONE)
    assert digest
    tags.point(db, place, Tag("1.2.0"), Digest.parse(digest), by=EVE)
    other = manifest(db, image(b"other"), "1.2.0")
    tags.point(db, place, Tag("1.2.0"), Digest.parse(digest), by=By("user:bob"))
    pairs = [("1.2.0", digest), ("1.2.0", str(other)), ("1.9.9", digest)]
    found = version_notes.first_pushed(db, APP, pairs)
    assert {pair: actor for pair, (actor, _) in found.items()} == {
        ("1.2.0", digest): "user:eve",
        ("1.2.0", str(other)): "anonymous",
    }


def test_how_tags_are_read(db: Connection, place: Place) -> None:
    assert version_notes.reading(db, place[0]) == Read()
    for wanted in (Read("date", ("slim*",)), Read(None, ()), Read("semver")):
        version_notes.set_reading(db, place, wanted, EVE)
        assert version_notes.reading(db, place[0]) == wanted
    assert [kind for kind, *_ in log(db)[-3:]] == ["version scheme"] * 3


def test_what_is_below_counts_once(db: Connection, place: Place) -> None:
    first, second = image(b"layer"), image(b"layer", b"other")
    digests = [str(manifest(db, each)) for each in (first, second)]
    both = str(manifest(db, index(first, second), "both"))
    found = image_sizes.of(db, place[0], [*digests, both])
    own = dict(db.execute("select digest, size from manifest").fetchall())
    shared = len(EMPTY) + len(b"layer")
    assert found == {
        digests[0]: own[digests[0]] + shared,
        digests[1]: own[digests[1]] + shared + len(b"other"),
        both: sum(own[each] for each in (*digests, both)) + shared + len(b"other"),
    }
    assert image_sizes.of(db, place[0] + 1, digests) == {}
