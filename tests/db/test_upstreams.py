"""Upstreams and what is fetched of them, on both databases."""

import sqlite3
from dataclasses import replace

import pytest

from entrepot.db import fetches, projects, upstreams
from entrepot.db.connection import Connection
from entrepot.db.projects import Project
from entrepot.db.upstreams import Kind, Upstream
from entrepot.oci.names import Repository, Tag

HUB = Upstream(
    "hub",
    "https://registry-1.docker.io",
    ("docker.io", "index.docker.io"),
    login="bot",
    secret="very",
    allow=("library/*", "team/app"),
    deny=("library/evil",),
    pinned=("library/base",),
    largest=10**10,
    created_by="user:admin",
)
NGINX = Repository("hub/library/nginx")


def test_what_is_put_is_found(db: Connection) -> None:
    upstreams.put(db, HUB)
    found = upstreams.find(db, "hub")
    assert found is not None
    assert replace(found, created_at=0.0) == HUB
    assert found.created_at > 0
    assert upstreams.hosts(db) == {"docker.io": "hub", "index.docker.io": "hub"}
    assert upstreams.find(db, "team") is None


def test_it_changes(db: Connection) -> None:
    upstreams.put(db, HUB)
    changed = replace(HUB, hosts=("quay.io",), kind=Kind.ECR, everything=True, largest=None)
    upstreams.put(db, changed)
    (found,) = upstreams.listed(db, "", 10)
    assert replace(found, created_at=0.0) == changed
    assert upstreams.hosts(db) == {"quay.io": "hub"}


def test_a_host_means_one_project(db: Connection) -> None:
    upstreams.put(db, HUB)
    with pytest.raises(sqlite3.IntegrityError):
        upstreams.put(db, replace(HUB, project="other"))


def test_a_project_says_what_it_stands_for(db: Connection) -> None:
    made = projects.create(db, Project("hub"), "user:admin")
    assert made.upstream == ""
    upstreams.put(db, HUB)
    found = projects.find(db, "hub")
    assert found is not None
    assert found.upstream == HUB.url
    assert projects.update(db, found).upstream == HUB.url


def test_it_goes_with_its_project(db: Connection) -> None:
    projects.create(db, Project("hub"), "user:admin")
    upstreams.put(db, HUB)
    fetches.checked(db, NGINX, Tag("1"), 5.0)
    projects.remove(db, "hub")
    assert upstreams.find(db, "hub") is None
    assert upstreams.hosts(db) == {}
    assert fetches.checked_at(db, NGINX, Tag("1")) == 0


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("library/nginx", True),
        ("library/evil", False),
        ("team/app", True),
        ("team/other", False),
    ],
)
def test_patterns_say_what_may_be_fetched(name: str, *, may: bool) -> None:
    assert HUB.permits(name) is may


def test_what_is_pinned() -> None:
    assert HUB.pins("library/base")
    assert not HUB.pins("library/nginx")


def test_without_patterns_all_may() -> None:
    assert replace(HUB, allow=(), deny=()).permits("anything/at/all")


def test_a_tag_was_checked(db: Connection) -> None:
    assert fetches.checked_at(db, NGINX, Tag("1")) == 0
    for at in (5.0, 6.0):
        fetches.checked(db, NGINX, Tag("1"), at)
        assert fetches.checked_at(db, NGINX, Tag("1")) == at


def test_one_fetches(db: Connection) -> None:
    assert fetches.claim(db, "hub@x", "one", 60)
    assert not fetches.claim(db, "hub@x", "two", 60)
    assert not fetches.renew(db, "hub@x", "two", 60)
    assert fetches.renew(db, "hub@x", "one", 60)
    fetches.release(db, "hub@x", "two")
    assert fetches.is_taken(db, "hub@x")
    fetches.release(db, "hub@x", "one")
    assert not fetches.is_taken(db, "hub@x")
    assert fetches.claim(db, "hub@x", "two", 60)


def test_a_lease_that_lapsed_is_taken_over(db: Connection) -> None:
    assert fetches.claim(db, "hub@x", "killed", -1)
    assert not fetches.is_taken(db, "hub@x")
    assert fetches.claim(db, "hub@x", "next", 60)
    assert not fetches.renew(db, "hub@x", "killed", 60)
    fetches.claim(db, "hub@y", "killed", -100)
    fetches.expire(db, 50)
    assert db.execute("select what from fetching").fetchall() == [("hub@x",)]
