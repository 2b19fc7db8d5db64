"""Immutable tags: which are meant, and that nothing moves or deletes them, or what they need."""

from collections.abc import Callable

import pytest
from tests.content import image, index
from tests.db.pushed import APP, OTHER, blob, manifest
from tests.db.test_quotas import refused
from tests.db.test_trash import KEEP

from entrepot.db import blobs, immutable_rules, manifests, projects, repositories, tags, trash
from entrepot.db.audit import NOBODY
from entrepot.db.connection import Connection
from entrepot.db.immutable_rules import Kind, Rule
from entrepot.db.projects import Project
from entrepot.db.restore import restore
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository, Tag

CONFIG, ONE, TWO = Digest.of(b"{}"), image(), image(config=b"two")

MEANT: dict[str, tuple[str, tuple[Kind, str], bool]] = {
    "every": ("latest", (Kind.ALL, ""), True),
    "a glob of all": ("v1", (Kind.GLOB, "*"), True),
    "by its beginning": ("v1.0", (Kind.GLOB, "v*"), True),
    "the whole name counts": ("dev1", (Kind.GLOB, "v*"), False),
    "letters as they are": ("V1", (Kind.GLOB, "v*"), False),
    "one sign": ("v10", (Kind.GLOB, "v?"), False),
    "a digit": ("1.2", (Kind.GLOB, "[0-9]*"), True),
    "no letter": ("latest", (Kind.GLOB, "[!a-z]*"), False),
    "a release": ("1.2.3", (Kind.SEMVER, ""), True),
    "a release with a v": ("v10.0.33", (Kind.SEMVER, ""), True),
    "a pre-release": ("1.2.3-rc.1", (Kind.SEMVER, ""), False),
    "a variant": ("1.2.3-alpine", (Kind.SEMVER, ""), False),
    "half a version": ("1.2", (Kind.SEMVER, ""), False),
    "a zero before": ("1.02.3", (Kind.SEMVER, ""), False),
    "four numbers": ("1.2.3.4", (Kind.SEMVER, ""), False),
    "another letter": ("w1.2.3", (Kind.SEMVER, ""), False),
    "digits of others": ("1.2.\u0663", (Kind.SEMVER, ""), False),
    "an expression": ("v1-lts", (Kind.REGEX, "v[0-9]+(-lts)?"), True),
    "an expression of the whole": ("v1-lts2", (Kind.REGEX, "v[0-9]+(-lts)?"), False),
}


@pytest.mark.parametrize(("tag", "what", "means"), MEANT.values(), ids=MEANT)
def test_which_are_meant(tag: str, what: tuple[Kind, str], means: bool) -> None:
    assert Rule(1, "team/*", *what).means(tag) == means


WHERE: dict[str, dict[str, bool]] = {
    "team/*": {"team": True, "team/app": True, "team/a/b": True},
    "team/app*": {"team": False, "team/app": True, "team/app-x": True, "team/ap": False},
    "team/app": {"team/app": True, "team/app-x": False, "team/app/x": False},
}


@pytest.mark.parametrize("pattern", WHERE)
def test_where_it_counts(db: Connection, pattern: str) -> None:
    rule = immutable_rules.add(db, pattern, Kind.ALL, by="user:anna")
    found = {name: immutable_rules.of(db, Repository(name)) == [rule] for name in WHERE[pattern]}
    assert found == WHERE[pattern]
    assert immutable_rules.of(db, Repository("other/app")) == []
    assert immutable_rules.of(db, Repository("teams/app")) == []


def test_a_rule_keeps_who_set_it_first(db: Connection) -> None:
    first = immutable_rules.add(db, "team/*", Kind.GLOB, "v*", by="user:anna")
    assert immutable_rules.add(db, "team/*", Kind.GLOB, "v*", by="user:bob") == first
    assert first.created_by == "user:anna"
    immutable_rules.set_globs(db, "team", ["v*", "x"], by="user:bob")
    v, x = immutable_rules.of_project(db, "team")
    assert (v, x.created_by) == (first, "user:bob")
    other = immutable_rules.add(db, "team/*", Kind.SEMVER, by="user:anna")
    immutable_rules.set_globs(db, "team", [], by="user:bob")
    assert immutable_rules.of_project(db, "team") == [other]
    assert immutable_rules.remove(db, other.id)
    assert not immutable_rules.remove(db, other.id)
    assert immutable_rules.add(db, "team/*", Kind.ALL, by="user:bob").id > other.id


def test_what_a_rule_says_of_itself() -> None:
    rule = Rule(3, "team/app", Kind.SEMVER, "", 1.8e9, "user:anna")
    assert str(rule) == "rule 3 (semver releases in team/app, set by user:anna on 2027-01-15)"
    assert str(Rule(4, "team/*", Kind.ALL)) == "rule 4 (all tags in team/*)"


def test_they_end_with_their_project(db: Connection) -> None:
    projects.create(db, Project("team"), "test")
    immutable_rules.add(db, "team/*", Kind.ALL, by="user:anna")
    kept = immutable_rules.add(db, "teams/*", Kind.ALL, by="user:anna")
    projects.remove(db, "team")
    assert immutable_rules.every(db) == [kept]


def fix(db: Connection, *globs: str) -> None:
    """Set the globs of the project."""
    immutable_rules.set_globs(db, "team", globs, by="user:anna")


def told(rule: Rule) -> dict[str, object]:
    """What a refusal says to programs."""
    return {"tag": "v1", "rule": rule.id, "about": "tags v* in team/*", "set_by": "user:anna"}


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
    [rule] = immutable_rules.every(db)
    assert f"team/app:v1 is immutable by {rule}: " in error.message
    assert "(tags v* in team/*, set by user:anna on 20" in error.message
    assert "take the rule away" in error.message
    assert error.detail == told(rule)
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
        assert refused(db, remove).detail == told(immutable_rules.every(db)[0])


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
