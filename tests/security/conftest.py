"""The app on each HTTP protocol class, for tests that attack it; and one with everybody in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.security.cast import Cast, playing
from tests.served import Serve, name, starting


@pytest.fixture
def repository() -> str:
    return name("attacked/app")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers that only this test talks to, on our own protocol class."""
    with starting(tmp_path, "own") as serve:
        yield serve


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    """A registry with one of each role in it."""
    with playing(tmp_path_factory.mktemp("cast")) as cast:
        yield cast
