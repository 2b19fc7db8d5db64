"""Quotas: bytes count once per project, and no more comes in than fits."""

import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest
from tests.content import dump, image
from tests.db.pushed import APP, OTHER, blob, manifest
from tests.db.test_trash import KEEP

from entrepot.db import blobs, engine, manifests, projects, purge, quotas, schema, tags, trash
from entrepot.db.audit import NOBODY
from entrepot.db.connection import Connection
from entrepot.db.projects import Project
from entrepot.db.quotas import Usage
from entrepot.db.restore import restore
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository, Tag

ELSEWHERE = Repository.parse("elsewhere/app")
PLAIN = image()
SIZE = len(dump(PLAIN))


def limit(db: Connection, quota: int | None = None, tags: int | None = None) -> None:
    if projects.find(db, "team") is None:
        projects.create(db, Project("team"), "test")
    quotas.limit(db, "team", quota, tags)


def used(db: Connection, project: str = "team") -> tuple[int, int]:
    usage = quotas.find(db, project)
    return usage.bytes, usage.tags


def refused(db: Connection, push: object) -> OCIError:
    """What is said of a write that does not fit, and leaves nothing behind."""
    before = used(db)
    db.execute("begin")
    with pytest.raises(OCIError) as error:
        push()  # type: ignore[operator]
    db.execute("rollback")
    assert error.value.code is Code.DENIED
    assert used(db) == before
    return error.value


def test_a_blob_counts_once_per_project(db: Connection) -> None:
    digest = blob(db, b"12345")
    for repository in (APP, OTHER):
        blob(db, b"12345", repository)
        assert blobs.mount(db, repository, APP, digest)
    assert blobs.mount(db, ELSEWHERE, APP, digest)
    assert (used(db), used(db, "elsewhere")) == ((5, 0), (5, 0))
    blobs.remove(db, APP, digest)
    assert used(db) == (5, 0)
    blobs.remove(db, OTHER, digest)
    assert (used(db), used(db, "elsewhere")) == ((0, 0), (5, 0))


def test_manifests_and_tags_count(db: Connection) -> None:
    blob(db, b"{}")
    digest = manifest(db, PLAIN, "1", "2")
    manifest(db, PLAIN, "2", "3")
    assert used(db) == (2 + SIZE, 3)
    tags.remove(db, APP, Tag("1"))
    assert used(db) == (2 + SIZE, 2)
    manifests.remove(db, APP, digest)
    assert used(db) == (2 + SIZE, 0)


def test_what_lies_in_the_trash_counts_until_it_is_purged(db: Connection) -> None:
    blob(db, b"{}")
    digest = manifest(db, PLAIN, "1")
    manifests.remove(db, APP, digest, keep=KEEP)
    blobs.remove(db, APP, Digest.of(b"{}"))
    assert used(db) == (2 + SIZE, 0)
    [item] = trash.listed(db, None, 2**62, 9)
    trash.end(db, item)
    while not purge.purge(db, item, 10):
        pass
    assert used(db) == (0, 0)


@pytest.mark.parametrize(("quota", "fits"), [(9, False), (10, True), (None, True)])
def test_what_does_not_fit_is_refused(db: Connection, quota: int | None, fits: bool) -> None:
    blob(db, b"12345")
    limit(db, quota)
    if fits:
        blob(db, b"67890")
        assert used(db) == (10, 0)
        return
    error = refused(db, lambda: blob(db, b"67890"))
    assert error.detail == {"used": 5, "quota": 9, "needed": 5}
    assert error.message == (
        "project team may have 9 B and has 5 B; this would add 5 B: delete images and purge the "
        "trash, or ask an admin for a larger quota"
    )


def test_what_the_project_has_already_always_fits(db: Connection) -> None:
    digest = blob(db, b"12345")
    limit(db, 0)
    blob(db, b"12345", OTHER)
    assert blobs.mount(db, Repository.parse("team/third"), APP, digest)
    assert quotas.has(db, "team", str(digest))
    assert not quotas.has(db, "elsewhere", str(digest))


def test_a_mount_from_another_project_must_fit(db: Connection) -> None:
    digest = blob(db, b"12345", ELSEWHERE)
    limit(db, 4)
    refused(db, lambda: blobs.mount(db, APP, ELSEWHERE, digest))
    limit(db, 5)
    assert blobs.mount(db, APP, ELSEWHERE, digest)


def test_a_manifest_must_fit(db: Connection) -> None:
    blob(db, b"{}")
    limit(db, 2 + SIZE - 1)
    refused(db, lambda: manifest(db, PLAIN))
    limit(db, 2 + SIZE)
    manifest(db, PLAIN)
    manifest(db, PLAIN, "1")


def test_so_many_tags_and_no_more(db: Connection) -> None:
    blob(db, b"{}")
    limit(db, None, 2)
    manifest(db, PLAIN, "1", "2")
    error = refused(db, lambda: manifest(db, PLAIN, "1", "3"))
    assert error.message == (
        "project team may have 2 tags and has 2: delete some, or ask an admin for a larger quota"
    )
    manifest(db, image(config=b"{}", annotations={"a": "b"}), "1")  # it moves
    tags.remove(db, APP, Tag("1"), keep=KEEP)
    manifest(db, PLAIN, "3")
    [item] = trash.listed(db, None, 2**62, 9)
    refused(db, lambda: restore(db, item, move=False, sparse=False, by=NOBODY))
    limit(db, None, 3)
    restore(db, item, move=False, sparse=False, by=NOBODY)
    assert used(db)[1] == 3


def test_a_quota_below_what_is_there_lets_things_go(db: Connection) -> None:
    blob(db, b"{}")
    digest = manifest(db, PLAIN, "1", "2")
    limit(db, 0, 0)
    tags.remove(db, APP, Tag("1"))
    manifests.remove(db, APP, digest)
    assert used(db)[1] == 0


def test_usage_of_all_projects_is_listed(db: Connection) -> None:
    blob(db, b"12345")
    limit(db, 100, 10)
    projects.create(db, Project("empty"), "test")
    assert quotas.listed(db, "", 10) == [Usage("empty"), Usage("team", 5, 0, 100, 10)]
    assert quotas.listed(db, "empty", 10) == [quotas.find(db, "team")]
    assert quotas.find(db, "unknown") == Usage("unknown")


def test_a_recount_finds_the_truth(db: Connection) -> None:
    for repository in (APP, OTHER, ELSEWHERE):
        blob(db, b"{}", repository)
        manifest(db, PLAIN, "1", repository=repository)
    for repository in (APP, OTHER):
        blob(db, b"12345", repository)
    manifests.remove(db, APP, Digest.of(dump(PLAIN)), keep=KEEP)
    tables = {
        name: sorted(db.execute(f"select * from {name}"))
        for name in ("project_blob", "project_usage")
    }
    assert quotas.recount(db) == 0
    db.execute("update project_usage set bytes = bytes + 7, tags = 0")
    db.execute("delete from project_blob where project = 'elsewhere'")
    assert quotas.recount(db) == 2
    for name, rows in tables.items():
        assert sorted(db.execute(f"select * from {name}")) == rows


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (10 * 2**30, "10.0 GiB"), (2**62, "4.0 EiB")],
)
def test_bytes_in_words(size: int, text: str) -> None:
    assert quotas.words(size) == text


def test_what_was_there_before_there_were_quotas_counts(tmp_path: Path) -> None:
    """Blobs once per project, and the manifests and tags of each repository."""
    with closing(sqlite3.connect(tmp_path / engine.FILE)) as old:
        for script in schema.SCRIPTS[:2]:
            old.executescript(resources.files("entrepot.db").joinpath(script).read_text("utf-8"))
        old.execute("insert into blob values (1, 'sha256:a', 5, 'abcde', null, 0)")
        for number, name in enumerate(("team/app", "team/other", "alone"), 1):
            old.execute("insert into repository values (?, ?, 1, 0)", (number, name))
            old.execute("insert into repository_blob values (?, 1)", (number,))
            old.execute(
                "insert into manifest values (?, ?, 'sha256:m', 'x', null, null, null, 0, '12', 0)",
                (number, number),
            )
            old.execute("insert into tag values (?, '1', 'sha256:m', 0)", (number,))
        old.execute("pragma user_version = 2")
        old.commit()
    engine.prepare(tmp_path)
    with closing(engine.connect(tmp_path)) as db:
        assert (used(db, "alone"), used(db)) == ((7, 1), (9, 2))
        assert quotas.recount(db) == 0
