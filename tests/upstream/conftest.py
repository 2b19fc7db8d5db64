"""Two registries, and a desk from which images are copied between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.desk import Desk, furnished
from tests.upstream.peer import docker_registry


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An Entrepot with accounts, at which an admin is logged in."""
    with furnished(tmp_path_factory.mktemp("desk")) as desk:
        desk.login()
        yield desk


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a docker-registry."""
    with docker_registry(tmp_path_factory.mktemp("peer")) as address:
        yield address


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's logins."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "REGISTRY_AUTH_FILE"):
        monkeypatch.delenv(name, raising=False)
