"""The app on each HTTP protocol class: what the API says must not depend on the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.served import CLASSES, Serve, name, starting


@pytest.fixture
def repository() -> str:
    return name()


@pytest.fixture(params=CLASSES)
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serve]:
    """Starts servers that only this test talks to."""
    with starting(tmp_path, request.param) as serve:
        yield serve
