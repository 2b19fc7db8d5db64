"""The app on our own protocol class, for tests that look at it from outside."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.served import Serve, starting


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers that only this test talks to."""
    with starting(tmp_path, "own") as serve:
        yield serve
