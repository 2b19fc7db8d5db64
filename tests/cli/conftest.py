"""Desks: one that a file's tests share with the admin logged in, and one with nobody."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.desk import Desk, furnished


@pytest.fixture(scope="module")
def registry_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Its jobs have run, and do not come between: the next time is in an hour."""
    with furnished(tmp_path_factory.mktemp("desk"), upkeep_pause=3600) as desk:
        desk.served.settle()
        yield desk


@pytest.fixture(scope="module")
def desk(registry_desk: Desk) -> Desk:
    """The admin's."""
    registry_desk.login()
    return registry_desk


@pytest.fixture
def empty(registry_desk: Desk, tmp_path: Path) -> Desk:
    """Of someone who has not logged in yet."""
    return Desk(registry_desk.served, tmp_path / "config" / "contexts.json")
