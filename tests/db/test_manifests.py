"""Manifests: nothing is taken whose parts are missing, nothing goes that others need."""

import pytest
from tests.content import dump, image, index
from tests.db.pushed import APP, OTHER, blob, manifest

from entrepot.db import blobs, manifests, repositories
from entrepot.db.connection import Connection
from entrepot.db.repositories import EVERYTHING
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Tag

PLAIN, LAYERED = image(), image(b"layer")


def edges(db: Connection) -> set[str]:
    """What manifests that are not in the trash need."""
    rows = db.execute(
        "select e.child from edge e join repository r on r.id = e.repository where r.trash is null"
    )
    return {child for (child,) in rows}


def test_a_manifest_is_found_by_tag_and_by_digest(db: Connection) -> None:
    blob(db, b"{}")
    digest = manifest(db, PLAIN, "1")
    for reference in (Tag.parse("1"), digest):
        found = manifests.find(db, APP, reference)
        assert found is not None
        assert (found.digest, found.content) == (str(digest), dump(PLAIN))
        assert manifests.find(db, OTHER, reference) is None


def test_missing_parts_are_all_named_and_nothing_is_kept(db: Connection) -> None:
    db.execute("begin")
    with pytest.raises(OCIError) as refused:
        manifest(db, LAYERED, "1")
    db.execute("rollback")
    assert refused.value.code is Code.MANIFEST_BLOB_UNKNOWN
    missing = [{"digest": str(Digest.of(part))} for part in (b"{}", b"layer")]
    assert refused.value.detail == missing


def test_parts_of_another_repository_do_not_count(db: Connection) -> None:
    blob(db, b"{}", OTHER)
    with pytest.raises(OCIError, match="push these to team/app first"):
        manifest(db, PLAIN)


def test_sparse_takes_it_and_knows_what_is_missing(db: Connection) -> None:
    blob(db, b"{}")
    digest = manifest(db, LAYERED, "1", sparse=True)
    assert edges(db) == {str(Digest.of(b"{}")), str(Digest.of(b"layer"))}
    late = blob(db, b"layer")
    with pytest.raises(OCIError, match=f"is part of {digest}"):
        blobs.remove(db, APP, late)


def test_an_index_holds_its_children(db: Connection) -> None:
    blob(db, b"{}")
    child = manifest(db, PLAIN)
    parent = manifest(db, index(PLAIN), "all")
    with pytest.raises(OCIError) as denied:
        manifests.remove(db, APP, child)
    assert denied.value.code is Code.DENIED
    assert manifests.remove(db, APP, parent)
    assert manifests.remove(db, APP, child)
    assert edges(db) == set()
    assert manifests.find(db, APP, Tag.parse("all")) is None


def test_a_wrong_size_is_refused(db: Connection) -> None:
    blob(db, b"{}")
    wrong = {**PLAIN, "config": {**PLAIN["config"], "size": 3}}
    with pytest.raises(OCIError) as refused:
        manifest(db, wrong)
    assert refused.value.code is Code.SIZE_INVALID


def test_indexes_nest_to_a_bound(db: Connection) -> None:
    blob(db, b"{}")
    document = PLAIN
    manifest(db, document)
    for _ in range(manifests.MAX_DEPTH):
        document = index(document)
        manifest(db, document)
    with pytest.raises(OCIError, match="indexes inside each other"):
        manifest(db, index(document))


def test_pushing_again_heals_the_bytes(db: Connection) -> None:
    blob(db, b"{}")
    digest = manifest(db, PLAIN, "1")
    before = edges(db)
    db.execute("update manifest set content = ?", (b"\0",))
    manifest(db, PLAIN, "1")
    found = manifests.find(db, APP, digest)
    assert found is not None
    assert found.content == dump(PLAIN)
    assert edges(db) == before


def test_the_catalog_has_what_holds_a_manifest(db: Connection) -> None:
    blob(db, b"{}")
    assert repositories.catalog(db, EVERYTHING, "", 10) == []
    digest = manifest(db, PLAIN)
    assert repositories.catalog(db, EVERYTHING, "", 10) == ["team/app"]
    manifests.remove(db, APP, digest)
    assert repositories.catalog(db, EVERYTHING, "", 10) == []
