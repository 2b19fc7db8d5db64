"""A registry that is killed while it copies: it goes on, and nothing is half there meanwhile."""

from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import httpx
from tests.content import put_image
from tests.registry import serving
from tests.upkeep.replication.conftest import held, items, rule, still, tell, whole
from tests.upstream.peer import docker_registry
from tests.waiting import until

from entrepot.db import place
from entrepot.db.replication_tags import State
from entrepot.db.replications import Direction

APP = "team/app"
SETTINGS: dict[str, Any] = {"outbound_allow": "127.0.0.0/8", "upkeep_pause": 0.2}
LAYERS = [Random(size).randbytes(size) for size in (20_000, *range(400_000, 400_005))]
RATE = 60_000
"""Bytes a second: the first one comes soon, the last one long after the kill."""


def hurry(data: Path) -> None:
    """Have the rest come as fast as it can."""
    with closing(place.find(data, "").connect()) as db, db.exclusive():
        db.execute("update replication set rate = null")
    tell(data)


def done(data: Path) -> int:
    return sum(item.state is State.DONE for item in items(data, "far"))


def test_one_that_pushes(tmp_path: Path) -> None:
    with docker_registry(tmp_path / "peer") as address, serving(tmp_path, **SETTINGS) as near:
        near.may_fail = True
        url = f"http://{address}"
        with httpx.Client(base_url=near.url) as client:
            pushed = [put_image(client, APP, f"1.{at}", each) for at, each in enumerate(LAYERS)]
        rule(near.data, "far", url, rate=RATE)
        until(lambda: any(held(url, APP, f"1.{number}") for number in range(6)))
        near.kill()
        copied = [number for number in range(6) if held(url, APP, f"1.{number}")]
        assert len(copied) < 6
        for number in copied:
            whole(url, APP, f"1.{number}")
        hurry(near.data)
        near.start()
        still(near.data, "far")
        assert [held(url, APP, f"1.{number}") for number in range(6)] == pushed
        for number in range(6):
            whole(url, APP, f"1.{number}")


def test_one_that_pulls(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "far") as far,
        serving(tmp_path / "near", **SETTINGS) as near,
    ):
        near.may_fail = True
        with httpx.Client(base_url=far.url) as client:
            pushed = [put_image(client, APP, f"1.{at}", each) for at, each in enumerate(LAYERS)]
        rule(near.data, "far", far.url, direction=Direction.PULL, rate=RATE)
        until(lambda: any(held(near.url, APP, f"1.{number}") for number in range(6)))
        near.kill()
        assert done(near.data) < 6
        hurry(near.data)
        near.start()
        still(near.data, "far")
        assert [held(near.url, APP, f"1.{number}") for number in range(6)] == pushed
        assert done(near.data) == 6
        for number in range(6):
            whole(near.url, APP, f"1.{number}")


def test_the_one_that_is_pushed_to(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "far") as far,
        serving(tmp_path / "near", **SETTINGS) as near,
    ):
        far.may_fail = True
        with httpx.Client(base_url=near.url) as client:
            pushed = [put_image(client, APP, f"1.{at}", each) for at, each in enumerate(LAYERS)]
        rule(near.data, "far", far.url, rate=RATE)
        until(lambda: any(held(far.url, APP, f"1.{number}") for number in range(6)))
        far.kill()
        assert done(near.data) < 6
        far.start()
        hurry(near.data)
        still(near.data, "far")
        assert [held(far.url, APP, f"1.{number}") for number in range(6)] == pushed
        for number in range(6):
            whole(far.url, APP, f"1.{number}")
