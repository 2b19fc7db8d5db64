"""The queries of the API and the rounds go by indexes: none reads a table or sorts it.

They are taken from the functions themselves, as SQLite was asked to run them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest
from tests.content import dump, image, index
from tests.db.audited import fill
from tests.db.pushed import APP, OTHER, blob, large, manifest

from entrepot.db import (
    audit,
    blobs,
    changes,
    entries,
    floating_rules,
    grants,
    immutable,
    immutable_rules,
    inventory,
    jobs,
    manifests,
    pieces,
    projects,
    referrers,
    repositories,
    running,
    tags,
    trash,
    uploads,
    workload_images,
)
from entrepot.db.audit import NOBODY
from entrepot.db.engine import SQLite
from entrepot.db.entries import Wanted
from entrepot.db.inventory import Key, Said
from entrepot.db.jobs import Progress
from entrepot.db.pieces import Piece
from entrepot.db.projects import Project
from entrepot.db.trash import Keep
from entrepot.db.uploads import Upload
from entrepot.oci.digest import Digest
from entrepot.oci.names import Tag


@pytest.fixture
def db(sqlite: SQLite) -> SQLite:
    """SQLite says what it runs, and how."""
    return sqlite


PLAIN, LAYERED = image(), image(b"layer")
DIGEST, CONFIG = Digest.of(dump(PLAIN)), Digest.of(b"{}")
UPLOAD = Upload("f" * 32, APP, "sha256")
V1 = Tag.parse("1")
KEY = Key("team", "Deployment", "web", "web", "registry.test/team/app:1", str(DIGEST))
SAID = Said("team/app", "1", pinned=False, state="running")


def found(db: SQLite, wanted: Wanted) -> object:
    return [entries.page(db, wanted, after, 2) for after in (None, 3)]


def fill_more(db: SQLite) -> None:
    fill(db, 2, 9)


QUERIES: dict[str, Callable[[SQLite], object]] = {
    "blob": lambda db: blobs.find(db, APP, CONFIG),
    "blob anywhere": lambda db: blobs.stored(db, CONFIG),
    "blob pushed": lambda db: blob(db, b"new"),
    "blob pushed again": lambda db: large(db, "b" * 32),
    "blob mounted": lambda db: blobs.mount(db, OTHER, APP, CONFIG),
    "blob anywhere to mount from": lambda db: blobs.linked(db, CONFIG, 10),
    "blob deleted": lambda db: blobs.remove(db, APP, CONFIG, even_if_used=True),
    "users of a blob": lambda db: blobs.check_unused(db, 77, CONFIG),
    "piece begun": lambda db: pieces.begin(db, UPLOAD.id, Piece("e" * 32)),
    "pieces": lambda db: pieces.of(db, UPLOAD.id),
    "piece settled": lambda db: pieces.settle(db, UPLOAD.id, Piece("e" * 32)),
    "piece dropped": lambda db: pieces.drop(db, "e" * 32, "why"),
    "pieces discarded": lambda db: pieces.discard(db, UPLOAD.id, "why"),
    "stale pieces": lambda db: pieces.stale(db, 60, 10),
    "garbage": lambda db: pieces.garbage(db, 10),
    "garbage forgotten": lambda db: pieces.forget(db, ["a"]),
    "manifest by tag": lambda db: manifests.find(db, APP, V1),
    "manifest by digest": lambda db: manifests.find(db, APP, DIGEST),
    "manifest pushed": lambda db: manifest(db, LAYERED, "1"),
    "index pushed": lambda db: manifest(db, index(PLAIN), "1"),
    "manifest deleted": lambda db: manifests.remove(db, APP, DIGEST),
    "immutable tags above a blob": lambda db: immutable.check_part(db, 1, APP, CONFIG),
    "immutable tags of a repository": lambda db: immutable.check_repository(db, 1, APP),
    "immutable rules": lambda db: immutable_rules.of(db, APP),
    "floating rule": lambda db: floating_rules.of(db, APP),
    "what a tag stands for": lambda db: floating_rules.stands_for(db, 1, "1"),
    "a good version": lambda db: floating_rules.digest_of(db, 1, "1"),
    "versions of a line": lambda db: floating_rules.versions(db, 1, ("1.", "1/")),
    "what floats": lambda db: floating_rules.floating(db, 1),
    "tags that changed": lambda db: changes.tags_since(db, 1, APP),
    "tag deleted": lambda db: tags.remove(db, APP, V1),
    "tags": lambda db: tags.listed(db, 1, "0", 10),
    "repository": lambda db: repositories.identify(db, APP),
    "catalog": lambda db: repositories.catalog(db, [("a", "b"), ("c", "d")], "a", 10),
    "referrers": lambda db: listed(db, None),
    "referrers of a type": lambda db: listed(db, "text/plain"),
    "changes": lambda db: changes.after(db, 1, 10),
    "newest change": changes.newest,
    "grants": lambda db: grants.listed(db, 1, 10),
    "upload": lambda db: uploads.find(db, APP, UPLOAD.id),
    "upload advanced": lambda db: uploads.advance(db, UPLOAD, replace(UPLOAD, size=1)),
    "upload completed": lambda db: uploads.complete(
        db, UPLOAD, Digest.of(b"x"), blobs.Blob(1, b"x", None), renew=False
    ),
    "upload cancelled": lambda db: uploads.cancel(db, UPLOAD.id),
    "upload expired": lambda db: uploads.expire(db, [UPLOAD.id], 0),
    "upload touched": lambda db: uploads.touch(db, UPLOAD.id, Piece("e" * 32)),
    "audit appended": fill_more,
    "audit expired": lambda db: audit.expire(db, 9e9, 9, 10),
    "audit followed": lambda db: entries.following(db, 0, 10),
    **{
        f"audit of {wanted}": partial(found, wanted=wanted)
        for wanted in (
            Wanted(),
            Wanted(since=1, until=9e9),
            Wanted(actor="user:u1", since=1),
            Wanted(repository="team/app", since=1),
            Wanted(actor="user:u1", repository="team/app", action="push", address="10.0.0.1"),
            Wanted(ranges=(("team", "team"),), result="ok"),
        )
    },
    "job claimed": lambda db: jobs.claim(db, "count", "us", 30),
    "lease renewed": lambda db: jobs.renew(db, "count", "us", 30, Progress()),
    "job finished": lambda db: jobs.finish(db, "count", "us", Progress()),
    "report": lambda db: inventory.report(
        db, "prod", {KEY: SAID}, keep=9, reporters=["x"], by=NOBODY
    ),
    "report of none": lambda db: inventory.report(
        db, "prod", {}, keep=9, reporters=["x"], by=NOBODY
    ),
    "images of workloads": lambda db: workload_images.listed(
        db, workload_images.Wanted(), None, 1, 10
    ),
    "what runs of a repository": lambda db: (
        inventory.report(db, "prod", {KEY: SAID}, keep=9, reporters=["x"], by=NOBODY),
        running.of(db, APP),
    ),
    "what runs and lies in the trash": lambda db: (
        manifests.remove(db, APP, DIGEST, keep=Keep(9)),
        inventory.report(db, "prod", {KEY: SAID}, keep=9, reporters=["x"], by=NOBODY),
        [running.in_trash(db, item) for item in (trash.find(db, 1),) if item],
    ),
    "idle uploads": lambda db: uploads.idle(db, 60, (0, ""), 10),
}

ALLOWED = {"SCAN CONSTANT ROW", "SCAN garbage", "UNION USING TEMP B-TREE"}
ALLOWED |= {f"SCAN {name}" for name in ("a", "b", "above", "below", "root")}
"""One row that is no table; garbage in any order, the first few of it; what a query has found
itself, once."""


def listed(db: SQLite, kind: str | None) -> object:
    return referrers.listed(db, APP, DIGEST, artifact_type=kind, after=0, limit=10, room=1000)


@pytest.fixture
def filled(db: SQLite) -> SQLite:
    for content in (b"{}", b"layer"):
        blob(db, content)
    large(db, "a" * 32)
    manifest(db, PLAIN, "1")
    projects.create(db, Project(APP.project), "test")
    immutable_rules.set_globs(db, APP.project, ["release-*"], by="test")
    uploads.begin(db, UPLOAD)
    fill(db, 4)
    return db


@pytest.mark.parametrize("ask", QUERIES.values(), ids=QUERIES)
def test_a_query_goes_by_indexes(filled: SQLite, ask: Callable[[SQLite], object]) -> None:
    asked: list[str] = []
    filled.set_trace_callback(asked.append)
    ask(filled)
    filled.set_trace_callback(None)
    assert asked
    for statement in asked:
        bad = [step for step in plan(filled, statement) if reads_all(step)]
        assert not bad, statement


def test_a_query_without_an_index_would_be_seen(filled: SQLite) -> None:
    for statement in (
        "select * from change where reference = 'x'",
        "select name from tag where repository = 1 order by moved_at",
    ):
        assert any(reads_all(step) for step in plan(filled, statement))


def plan(db: SQLite, statement: str) -> Iterator[str]:
    for row in db.execute(f"explain query plan {statement}").fetchall():
        yield row[3]


def reads_all(step: str) -> bool:
    if step in ALLOWED or step.startswith("SCAN garbage USING"):
        return False
    return step.startswith("SCAN") or "TEMP B-TREE" in step
