"""The app on each HTTP protocol class, for tests that attack it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.served import CLASSES, Serve, Served, name, serving, starting


@pytest.fixture(scope="session", params=CLASSES)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server that tests share, each with a repository of its own."""
    with serving(tmp_path_factory.mktemp("security") / "data", request.param) as served:
        yield served


@pytest.fixture
def client(served: Served) -> httpx.Client:
    return served.client


@pytest.fixture
def repository() -> str:
    return name("attacked/app")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers that only this test talks to, on our own protocol class."""
    with starting(tmp_path, "own") as serve:
        yield serve
