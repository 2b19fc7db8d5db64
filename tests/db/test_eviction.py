"""What a full cache gives up, on both databases."""

from tests.content import EMPTY, OCI_MANIFEST, descriptor, dump, image, index
from tests.db.pushed import APP, OTHER, blob, manifest

from entrepot.db import eviction, quotas, retention
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.eviction import START, Room
from entrepot.db.upstreams import Upstream

HUB = Upstream("team", "https://up.test")
BY = By("entrepot", via="cache")
SOON = 4e9


def unused(db: Connection, before: float = SOON) -> list[str]:
    return [each.digest for each in eviction.unused(db, "team", before, 10)]


def test_the_longest_unused_come_first(db: Connection) -> None:
    first, second = (manifest(db, image(bytes([n])), f"{n}", sparse=True) for n in (1, 2))
    elsewhere = manifest(db, image(b"3"), "1", repository=OTHER, sparse=True)
    assert unused(db) == [str(first), str(second), str(elsewhere)]
    retention.used(db, APP.name, str(first), 3e9)
    assert unused(db) == [str(second), str(elsewhere), str(first)]
    assert unused(db, 2.9e9) == [str(second), str(elsewhere)]
    (one,) = eviction.unused(db, "team", SOON, 1, START)
    rest = eviction.unused(db, "team", SOON, 10, (one.used_at, one.id))
    assert [each.digest for each in rest] == [str(elsewhere), str(first)]


def test_what_is_pinned_is_not_looked_at(db: Connection) -> None:
    here = manifest(db, image(b"1"), "1", sparse=True)
    elsewhere = manifest(db, image(b"2"), "1", repository=OTHER, sparse=True)

    def found(*pinned: tuple[str, str]) -> list[str]:
        rows = eviction.unused(db, "team", SOON, 10, pinned=pinned)
        return [each.digest for each in rows]

    assert found((APP.name, APP.name)) == [str(elsewhere)]
    assert found((OTHER.name, OTHER.name)) == [str(here)]
    assert found((APP.name, APP.name), (OTHER.name, OTHER.name)) == []
    assert found(("team/", "team/\U0010ffff")) == []
    assert found(("other/", "other/\U0010ffff")) == [str(here), str(elsewhere)]


def test_what_an_index_lists_goes_after_it(db: Connection) -> None:
    child = image(b"1")
    below = manifest(db, child, sparse=True)
    above = manifest(db, index(child), "1", sparse=True)
    assert unused(db) == [str(above)]
    (found,) = eviction.unused(db, "team", SOON, 10)
    assert eviction.evict(db, found, HUB, BY).bytes == len(dump(index(child)))
    assert unused(db) == [str(below)]


def test_what_signs_an_image_goes_after_it(db: Connection) -> None:
    """By cosign's tag, or as its subject says."""
    signed = manifest(db, image(b"1"), "1", sparse=True)
    subject = descriptor(dump(image(b"1")), OCI_MANIFEST)
    refers = manifest(db, image(b"2", subject=subject), sparse=True)
    tagged = manifest(db, image(b"3"), f"{str(signed).replace(':', '-')}.sig", sparse=True)
    retention.used(db, APP.name, str(signed), 3e9)
    assert unused(db) == [str(signed)]
    (found,) = eviction.unused(db, "team", SOON, 10)
    assert eviction.evict(db, found, HUB, BY).bytes
    assert unused(db) == [str(refers), str(tagged)]


def test_its_room_is_free_at_once(db: Connection) -> None:
    for part in (EMPTY, b"shared", b"own"):
        blob(db, part)
    manifest(db, image(b"shared", b"own"), "1")
    manifest(db, image(b"shared"), "2")
    before = quotas.find(db, "team").bytes
    found = eviction.unused(db, "team", SOON, 10)[0]
    room = eviction.evict(db, found, HUB, BY)
    assert room == Room(len(dump(image(b"shared", b"own"))) + len(b"own"), 1)
    assert quotas.find(db, "team").bytes == before - room.bytes
    assert quotas.miscounted(db) == []
    left = db.execute("select count(*) from blob").fetchone()
    assert left == (2,)
    for table in ("trash", "idle_manifest"):
        assert db.execute(f"select count(*) from {table}").fetchone() == (0,)
    assert eviction.evict(db, found, HUB, BY) == Room()
