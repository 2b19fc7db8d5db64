"""A registry with accounts in this process, and its admin."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.accounts import ADMIN, first_start
from tests.served import Served, serving


@pytest.fixture(scope="module")
def administered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One that the tests of a file share."""
    folder: Path = tmp_path_factory.mktemp("administered") / "data"
    first_start(folder)
    with serving(folder, "own", dangerously_without_accounts=False) as served:
        yield served


@pytest.fixture
def admin(administered: Served) -> Iterator[httpx.Client]:
    """The admin at the API."""
    url = f"{administered.url}/api/v1"
    with httpx.Client(base_url=url, auth=ADMIN.pair, timeout=30) as client:
        yield client
