"""A registry that copies to another is destroyed, and comes back older than what it had copied."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.content import put_image
from tests.served import Served, serving
from tests.upkeep.replication.conftest import (
    compare,
    found,
    held,
    items,
    rule,
    still,
    tell,
    whole,
)
from tests.upstream.peer import docker_registry
from tests.waiting import until
from tests.warm import entrepot

from entrepot.db import place, replications
from entrepot.db.replication_tags import State
from entrepot.db.replications import Direction

APP = "team/app"
SETTINGS: dict[str, Any] = {"outbound_allow": ("127.0.0.0/8",), "upkeep_pause": 0.2}


@pytest.fixture
def offices() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Older:
    """A registry that has copied `moving` and `later` since its backup, and `gone` before it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url, self.data, self.dest = url, folder / "near", str(folder / "dest")
        with serving(self.data, "own", **SETTINGS) as near:
            self.data = near.folder
            rule(self.data, "far", url, deletions=True)
            self.old = put_image(near.client, APP, "moving", b"old")
            put_image(near.client, APP, "gone", b"gone")
            until(lambda: held(url, APP, "gone"))
            still(self.data, "far")
            done = entrepot("backup", "create", self.dest, "--data", str(self.data))
            assert done.status == 0, done
            self.new = put_image(near.client, APP, "moving", b"new")
            self.later = put_image(near.client, APP, "later", b"later")
            until(lambda: held(url, APP, "later") and held(url, APP, "moving") == self.new)
            still(self.data, "far")
        shutil.rmtree(self.data)
        done = entrepot("backup", "restore", self.dest, "--data", str(self.data))
        assert done.status == 0, done
        assert "paused, since what is there may be newer: far" in done.output

    def resume(self) -> None:
        with closing(place.find(self.data, "").connect()) as db, db.exclusive():
            made = replications.find(db, "far")
            assert made is not None
            replications.put(db, replace(made, paused=False))
        tell(self.data)
        compare(self.data, "far")

    def check_kept(self) -> None:
        assert held(self.url, APP, "moving") == self.new
        assert held(self.url, APP, "later") == self.later
        whole(self.url, APP, "moving")


def test_the_other_end_keeps_what_is_newer(tmp_path: Path, offices: ExitStack) -> None:
    far = offices.enter_context(serving(tmp_path / "far", "own", **SETTINGS))
    older = Older(tmp_path, far.url)
    near = offices.enter_context(serving(tmp_path / "near", "own", **SETTINGS))
    _stays_paused(near, older)
    older.resume()
    until(lambda: {each.tag: each.state for each in items(older.data, "far")}["moving"] is CONFLICT)
    older.check_kept()
    assert held(far.url, APP, "gone") == held(near.url, APP, "gone")


CONFLICT = State.CONFLICT


def test_a_registry_of_another_kind_is_not_moved_back(tmp_path: Path, offices: ExitStack) -> None:
    far = f"http://{offices.enter_context(docker_registry(tmp_path / 'far'))}"
    older = Older(tmp_path, far)
    near = offices.enter_context(serving(tmp_path / "near", "own", **SETTINGS))
    _stays_paused(near, older)
    # What the guide says: take back what is newer there, then have it go on.
    for tag in ("moving", "later"):
        near_name = f"{near.url.removeprefix('http://')}/{APP}:{tag}"
        far_name = f"{far.removeprefix('http://')}/{APP}:{tag}"
        done = entrepot("copy", far_name, near_name)
        assert done.status == 0, done
    older.resume()
    still(older.data, "far")
    older.check_kept()
    assert held(near.url, APP, "moving") == older.new


def _stays_paused(near: Served, older: Older) -> None:
    """It goes on with what it does, and sends nothing."""
    shown = found(older.data, "far")
    assert (shown.paused, "may be newer" in shown.error) == (True, True)
    tell(older.data)
    put_image(near.client, APP, "since", b"since")
    with httpx.Client(base_url=near.url) as http:
        assert http.get(f"/v2/{APP}/tags/list").json()["tags"] == ["gone", "moving", "since"]
    assert held(older.url, APP, "since") is None
    older.check_kept()


def test_one_that_pulls_brings_back_what_is_newer(tmp_path: Path, offices: ExitStack) -> None:
    far = offices.enter_context(serving(tmp_path / "far", "own", **SETTINGS))
    dest = str(tmp_path / "dest")
    with serving(tmp_path / "near", "own", **SETTINGS) as near:
        data = near.folder
        put_image(far.client, APP, "moving", b"old")
        rule(data, "far", far.url, direction=Direction.PULL, every=0.5)
        until(lambda: held(near.url, APP, "moving"))
        assert entrepot("backup", "create", dest, "--data", str(data)).status == 0
    new = put_image(far.client, APP, "moving", b"new")
    later = put_image(far.client, APP, "later", b"later")
    shutil.rmtree(data)
    done = entrepot("backup", "restore", dest, "--data", str(data))
    assert (done.status, "paused" in done.output) == (0, False), done
    near = offices.enter_context(serving(tmp_path / "near", "own", **SETTINGS))
    until(lambda: held(near.url, APP, "moving") == new and held(near.url, APP, "later") == later)
