"""A rule that copies images here is an admin's, and yet no way past what holds for everybody."""

from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from tests.content import put_image
from tests.served import Served
from tests.upkeep.replication.conftest import (
    Office,
    compare,
    held,
    items,
    office,
    rule,
    tell,
)
from tests.waiting import until

from entrepot.db import immutable_rules, place, projects
from entrepot.db.immutable_rules import Kind
from entrepot.db.projects import Project
from entrepot.db.replication_tags import Item, State
from entrepot.db.replications import Direction

__all__ = ["office"]

APPS = {"closed/app": "is read-only", "full/app": "quota"}


@pytest.fixture
def pair(office: Office) -> tuple[Served, Served]:
    near, far = office("near"), office("far")
    for name in (*APPS, "held/app"):
        put_image(far.client, name, "1", b"layer")
    with closing(place.find(near.folder, "").connect()) as db, db.exclusive():
        projects.create(db, Project("closed", read_only=True), "test")
        projects.create(db, Project("full", quota=1), "test")
    rule(near.folder, "r", far.url, "*", direction=Direction.PULL)
    return near, far


def hold(folder: Path) -> None:
    with closing(place.find(folder, "").connect()) as db, db.exclusive():
        immutable_rules.add(db, "held/app", Kind.GLOB, "1", by="user:anna")
    tell(folder)


def known(served: Served) -> dict[str, Item]:
    return {each.repository: each for each in items(served.folder, "r")}


def test_it_writes_nothing_that_a_project_does_not_take(pair: tuple[Served, Served]) -> None:
    near, far = pair
    until(lambda: len(known(near)) == 3, lambda: known(near))
    for name, why in APPS.items():
        until(partial(told, near, name, why), lambda: known(near))
        assert held(near.url, name, "1") is None
    until(lambda: known(near)["held/app"].state is State.DONE, lambda: known(near))
    first = held(near.url, "held/app", "1")
    assert first
    hold(near.folder)
    put_image(far.client, "held/app", "1", b"other")
    compare(near.folder, "r")
    until(lambda: known(near)["held/app"].state is State.CONFLICT, lambda: known(near))
    assert held(near.url, "held/app", "1") == first


def told(near: Served, name: str, why: str) -> bool:
    return why in known(near)[name].error
