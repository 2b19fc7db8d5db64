"""Signers and demands as rows, on both databases; which indexes are above a manifest."""

from dataclasses import replace

from tests.content import image, index
from tests.db.pushed import APP, OTHER, blob, manifest

from entrepot.db import edges, projects, referrers, repositories, signers
from entrepot.db.connection import Connection
from entrepot.db.projects import Project
from entrepot.db.signers import Demand, Signer

CI = Signer("team", "ci", "team/*", "key", '{"pem": "x"}')


def test_signers_and_demands_go_with_their_project(db: Connection) -> None:
    projects.create(db, Project("team"), "user:ada")
    projects.create(db, Project("base"), "user:ada")
    made = signers.put(db, CI, "user:ada")
    assert (made.name, made.created_by) == ("ci", "user:ada")
    changed = signers.put(db, replace(CI, pattern="team/app"), "user:bob")
    assert signers.of(db, "team") == [changed]
    other = signers.put(db, replace(CI, project="base", pattern="base/*"), "user:ada")
    assert signers.every(db) == [other, changed]
    first = signers.demand(db, Demand("team", "team/*", ("ci", "ops")), "user:ada")
    assert first.signers == ("ci", "ops")
    second = signers.demand(db, Demand("team", "team/app", ("ci",)), "user:ada")
    assert signers.demands(db, "team") == signers.demands(db) == [first, second]
    assert signers.demands(db, "base") == []
    assert signers.relent(db, "team", "team/app")
    assert not signers.relent(db, "team", "team/app")
    projects.remove(db, "team")
    assert (signers.of(db, "team"), signers.demands(db)) == ([], [])
    assert signers.remove(db, "base", "ci")
    assert not signers.remove(db, "base", "ci")


def test_indexes_above_the_newest_first(db: Connection) -> None:
    blob(db, b"{}")
    child = image()
    below = str(manifest(db, child))
    first = str(manifest(db, index(child)))
    second = str(manifest(db, index(child, annotations={"a": "b"})))
    blob(db, b"{}", OTHER)
    manifest(db, child, repository=OTHER)
    number = repositories.identify(db, APP)
    assert number is not None
    assert edges.above(db, number, below, 10) == [second, first]
    assert edges.above(db, number, below, 1) == [second]
    assert edges.above(db, number, first, 10) == []


def test_referrers_of_some_types_the_oldest_first(db: Connection) -> None:
    blob(db, b"{}")
    subject = index(image())["manifests"][0]
    made = [
        str(manifest(db, image(subject=subject, artifactType=kind, annotations={"n": str(number)})))
        for number, kind in enumerate(("application/a", "application/b", "application/a"))
    ]
    number = repositories.identify(db, APP)
    assert number is not None
    found = referrers.of_types(db, number, subject["digest"], ("application/a",), 10)
    assert found == [(made[0], "application/a"), (made[2], "application/a")]
    both = ("application/a", "application/b")
    assert len(referrers.of_types(db, number, subject["digest"], both, 2)) == 2
