"""Blobs: one row per digest, a link per repository, garbage when nobody names an object."""

import sqlite3

import pytest
from tests.content import image
from tests.db.pushed import APP, OTHER, blob, garbage, large, lying, manifest

from entrepot.db import blobs
from entrepot.db.blobs import Blob
from entrepot.db.connection import Connection
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository

A, B, C = "a" * 32, "b" * 32, "c" * 32


def test_a_blob_is_found_only_where_it_is_linked(db: Connection) -> None:
    digest = blob(db, b"content")
    assert blobs.find(db, APP, digest) == Blob(7, b"content", None)
    assert blobs.find(db, OTHER, digest) is None
    assert blobs.stored(db, digest) == Blob(7, b"content", None)
    assert blobs.stored(db, Digest.of(b"other")) is None


def test_the_first_object_of_a_digest_is_kept(db: Connection) -> None:
    for name, repository in [(A, APP), (B, APP), (C, OTHER)]:
        digest = large(db, name, repository)
    for repository in (APP, OTHER):
        assert blobs.find(db, repository, digest) == lying(A)
    assert garbage(db) == [B, C]


def test_renewing_takes_the_new_object(db: Connection) -> None:
    large(db, A)
    digest = large(db, B, renew=True)
    assert blobs.find(db, APP, digest) == lying(B)
    assert garbage(db) == [A]


def test_pushing_a_small_blob_again_heals_its_bytes(db: Connection) -> None:
    digest = blob(db, b"content")
    db.execute("update blob set content = 'cantent'")
    blob(db, b"content")
    assert blobs.find(db, APP, digest) == Blob(7, b"content", None)


@pytest.mark.parametrize(
    ("source", "mounted"),
    [(APP, True), (OTHER, False), (Repository.parse("nobody/knows"), False)],
    ids=["from where it is", "from where it is not", "from nowhere"],
)
def test_mount(db: Connection, source: Repository, mounted: bool) -> None:
    digest = blob(db, b"content")
    blob(db, b"something else", OTHER)
    target = Repository.parse("team/target")
    assert blobs.mount(db, target, source, digest) is mounted
    assert (blobs.find(db, target, digest) is not None) is mounted
    assert blobs.mount(db, target, source, Digest.of(b"unknown")) is False


def test_the_last_link_takes_the_object_with_it(db: Connection) -> None:
    digest = large(db, A)
    assert blobs.mount(db, OTHER, APP, digest)
    assert blobs.remove(db, APP, digest)
    assert blobs.find(db, APP, digest) is None
    assert blobs.find(db, OTHER, digest) == lying(A)
    assert garbage(db) == []
    assert blobs.remove(db, OTHER, digest)
    assert blobs.stored(db, digest) is None
    assert garbage(db) == [A]
    assert not blobs.remove(db, OTHER, digest)


def test_an_object_pushed_again_after_its_end_is_another(db: Connection) -> None:
    digest = large(db, A)
    blobs.remove(db, APP, digest)
    large(db, B)
    assert blobs.find(db, APP, digest) == lying(B)
    assert garbage(db) == [A]


def test_a_part_of_a_manifest_cannot_go(db: Connection) -> None:
    config = blob(db, b"{}")
    user = manifest(db, image())
    with pytest.raises(OCIError) as denied:
        blobs.remove(db, APP, config)
    assert denied.value.code is Code.DENIED
    assert denied.value.detail == {"used_by": [str(user)]}
    assert blobs.remove(db, APP, config, even_if_used=True)


def test_another_repositorys_manifest_does_not_hold_a_blob(db: Connection) -> None:
    config = blob(db, b"{}")
    blobs.mount(db, OTHER, APP, config)
    manifest(db, image(), repository=OTHER)
    assert blobs.remove(db, APP, config)


def test_a_blob_lies_in_one_place(db: Connection) -> None:
    for content, name in [(None, None), (b"both", A)]:
        with pytest.raises(sqlite3.IntegrityError):
            blobs.add(db, APP, Digest.of(b"x"), Blob(4, content, name), renew=False)
