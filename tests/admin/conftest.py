"""Registries with accounts in this process: each file's own, and one that all files share."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.accounts import ADMIN, first_start
from tests.admin.office import Office, opened
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


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One that all files share, each test with names of its own."""
    with opened(tmp_path_factory.mktemp("office") / "data") as office:
        yield office
