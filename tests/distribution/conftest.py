"""The app on each HTTP protocol class, and on each store: what the API says depends on neither."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.seaweed import Seaweed
from tests.served import CLASSES, Serve, Served, name, serving, starting


@pytest.fixture
def repository() -> str:
    return name()


@pytest.fixture(scope="session", params=[*CLASSES, "objects"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server that tests share, on each class, and with its blobs in a store of objects."""
    with on(request, tmp_path_factory.mktemp("served") / "data") as served:
        yield served


@contextmanager
def on(
    request: pytest.FixtureRequest, folder: Path, *, objects: bool = False, **settings: Any
) -> Iterator[Served]:
    """Serve as the parameter of a fixture says, or by it over a store of objects."""
    kind = "own" if request.param == "objects" else request.param
    with ExitStack() as stack:
        if objects or request.param == "objects":
            seaweed: Seaweed = request.getfixturevalue("seaweed")
            settings |= stack.enter_context(seaweed.bucket()).settings
        yield stack.enter_context(serving(folder, kind, **settings))


@pytest.fixture(params=CLASSES)
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serve]:
    """Starts servers that only this test talks to."""
    with starting(tmp_path, request.param) as serve:
        yield serve
