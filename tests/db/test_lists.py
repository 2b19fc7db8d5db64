"""Pages of names: none is lost and none comes twice, wherever a page ends."""

import pytest
from tests.content import image
from tests.db.pushed import APP, blob, manifest

from entrepot.db import repositories, tags
from entrepot.db.connection import Connection
from entrepot.db.repositories import EVERYTHING
from entrepot.oci.names import Repository

NAMES = sorted(["a", "B", "a-b", "a.b", "a_b", "Z9", "0", "aa", "ab", "_x", "z" * 128])


@pytest.mark.parametrize("size", [1, 2, 3, 10, 100])
def test_tags_in_pages(db: Connection, size: int) -> None:
    blob(db, b"{}")
    manifest(db, image(), *NAMES)
    number = repositories.identify(db, APP)
    assert number is not None
    found: list[str] = []
    while page := tags.listed(db, number, found[-1] if found else "", size):
        assert len(page) <= size
        found += page
    assert found == NAMES


@pytest.mark.parametrize("size", [1, 2, 100])
def test_the_catalog_in_pages(db: Connection, size: int) -> None:
    wanted = sorted(f"{team}/{app}" for team in ("a", "a-b", "b") for app in ("x", "y.z"))
    for name in [*reversed(wanted), "a/empty"]:
        blob(db, b"{}", Repository.parse(name))
        if name in wanted:
            manifest(db, image(), repository=Repository.parse(name))
    found: list[str] = []
    while page := repositories.catalog(db, EVERYTHING, found[-1] if found else "", size):
        found += page
    assert found == wanted
