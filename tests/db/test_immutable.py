"""Immutable tags: which are meant, and that nothing moves or deletes them, or what they need."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.content import image, index
from tests.db.pushed import APP, OTHER, blob, manifest
from tests.db.test_quotas import refused
from tests.db.test_trash import KEEP

from entrepot.db import blobs, immutable, manifests, projects, repositories, tags, trash
from entrepot.db.audit import NOBODY
from entrepot.db.connection import Connection
from entrepot.db.projects import Project
from entrepot.db.restore import restore
from entrepot.oci.digest import Digest
from entrepot.oci.names import Tag

CONFIG, ONE, TWO = Digest.of(b"{}"), image(), image(config=b"two")

MEANT: dict[str, tuple[str, tuple[str, ...], str | None]] = {
    "none": ("v1", (), None),
    "every": ("v1", ("*",), "*"),
    "by its beginning": ("v1.0", ("v*",), "v*"),
    "the whole name counts": ("dev1", ("v*",), None),
    "letters as they are": ("V1", ("v*",), None),
    "the first that means it": ("v1", ("x", "v?", "v*"), "v?"),
    "one sign": ("v10", ("v?",), None),
    "a digit": ("1.2", ("[0-9]*",), "[0-9]*"),
    "no letter": ("latest", ("[!a-z]*",), None),
}


@pytest.mark.parametrize(("tag", "patterns", "found"), MEANT.values(), ids=MEANT)
def test_which_are_meant(tag: str, patterns: tuple[str, ...], found: str | None) -> None:
    assert immutable.pattern_of(tag, patterns) == found


def fix(db: Connection, *patterns: str) -> None:
    """Set the patterns of the project."""
    if projects.find(db, "team") is None:
        projects.create(db, Project("team"), "test")
    found = projects.find(db, "team")
    assert found is not None
    projects.update(db, replace(found, immutable=patterns))


def pushed(db: Connection) -> Digest:
    """An image that both `v1` and `latest` mean."""
    blob(db, b"{}")
    blob(db, b"two")
    digest = manifest(db, ONE, "v1", "latest")
    fix(db, "v*")
    return digest


ACTS: dict[str, Callable[[Connection, Digest], object]] = {
    "moved": lambda db, digest: manifest(db, TWO, "v1"),
    "moved with another": lambda db, digest: manifest(db, TWO, "x", "v1"),
    "deleted": lambda db, digest: tags.remove(db, APP, Tag("v1"), keep=KEEP),
    "its manifest deleted": lambda db, digest: manifests.remove(db, APP, digest, keep=KEEP),
    "its repository deleted": lambda db, digest: repositories.remove(db, APP, keep=KEEP),
    "its blob deleted": lambda db, digest: blobs.remove(db, APP, CONFIG, even_if_used=True),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_what_is_refused(db: Connection, act: Callable[[Connection, Digest], object]) -> None:
    digest = pushed(db)
    error = refused(db, lambda: act(db, digest))
    assert "team/app:v1 is immutable by the pattern v* of project team" in error.message
    assert "take the pattern away" in error.message
    assert error.detail == {"tag": "v1", "pattern": "v*"}
    fix(db)
    act(db, digest)


def test_what_is_not_refused(db: Connection) -> None:
    digest = pushed(db)
    manifest(db, ONE, "v1")
    other = manifest(db, TWO, "v2", "latest")
    assert tags.remove(db, APP, Tag("latest"))
    assert tags.remove(db, APP, Tag("v3")) is None
    manifest(db, ONE, "v1", repository=OTHER, sparse=True)
    fix(db, "v1")
    assert manifests.remove(db, APP, other)
    assert tags.of(db, APP, "", 9) == ["v1"]
    assert manifests.find(db, APP, digest) is not None


def test_the_parts_of_an_index_are_kept_even_where_manifests_may_be_sparse(db: Connection) -> None:
    blob(db, b"{}")
    child = manifest(db, ONE, "amd64")
    inner = index(ONE)
    manifest(db, inner)
    manifest(db, index(inner), "v1")
    fix(db, "v*")
    for remove in (
        lambda: manifests.remove(db, APP, child, even_if_used=True),
        lambda: blobs.remove(db, APP, CONFIG, even_if_used=True),
    ):
        assert refused(db, remove).detail == {"tag": "v1", "pattern": "v*"}


def test_restoring_moves_none(db: Connection) -> None:
    blob(db, b"{}")
    blob(db, b"two")
    digest = manifest(db, ONE, "v1")
    assert manifests.remove(db, APP, digest, keep=KEEP)
    other = manifest(db, TWO, "v1")
    fix(db, "v*")
    [item] = trash.listed(db, None, 2**62, 9)
    error = refused(db, lambda: restore(db, item, move=True, sparse=False, by=NOBODY))
    assert "push another tag" in error.message
    [kept] = restore(db, item, move=False, sparse=False, by=NOBODY).kept
    assert (kept.tag, kept.here) == ("v1", str(other))


def test_restoring_brings_one_back(db: Connection) -> None:
    """Where the name is free."""
    digest = pushed(db)
    fix(db)
    assert manifests.remove(db, APP, digest, keep=KEEP)
    fix(db, "*")
    [item] = trash.listed(db, None, 2**62, 9)
    assert restore(db, item, move=True, sparse=False, by=NOBODY).tags == 2
    assert tags.of(db, APP, "", 9) == ["latest", "v1"]
