"""A registry in front of another one, which does whatever a test says."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from tests.served import Served, serving

from entrepot.db import place, projects, upstreams
from entrepot.db.projects import Project
from entrepot.db.upstreams import Upstream

HOST = "up.test"

Caching = Callable[..., Served]
"""Serves a cache: `caching(address, tag_seconds=0)`; its project is `hub`."""


def stand_for(folder: Path, address: str, url: str = "", **more: Any) -> None:
    """Have the project hub, or another, stand for the registry at an address; in the database at
    `url`, where that is not in the folder.
    """
    project = more.pop("project", "hub")
    row = Upstream(project, f"http://{address}", **{"hosts": (HOST,), **more})
    where = place.find(folder, url)
    where.prepare()
    with closing(where.connect()) as db, db.exclusive():
        if projects.find(db, project) is None:
            projects.create(db, Project(project), "test")
        upstreams.put(db, row)


@pytest.fixture
def caching(tmp_path: Path) -> Iterator[Caching]:
    with ExitStack() as stack:

        def serve(address: str, folder: str = "cache", **more: Any) -> Served:
            settings, protocol = more.pop("settings", {}), more.pop("protocol", "own")
            stand_for(tmp_path / folder, address, **more)
            chosen = {"outbound_allow": ("127.0.0.0/8",), **settings}
            return stack.enter_context(serving(tmp_path / folder, protocol, **chosen))

        yield serve
