"""A filled registry of a folder, and a folder for its backups."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.accounts import ADMIN
from tests.registry import serving
from tests.upkeep.backup.site import Site
from tests.upkeep.filled import Filled

SETTINGS: dict[str, Any] = {"admin_password": ADMIN.secret, "dangerously_without_accounts": False}


@dataclass(frozen=True, slots=True)
class Mould:
    """A registry that was filled once and stopped, for others to begin with its folder."""

    data: Path
    filled: Filled


@pytest.fixture(scope="session")
def mould(tmp_path_factory: pytest.TempPathFactory) -> Mould:
    folder = tmp_path_factory.mktemp("mould")
    with serving(folder / "first", **SETTINGS) as registry:
        filled = Filled(registry)
        filled.fill()
        filled.http.close()
        registry.stop()
        shutil.copytree(registry.data, folder / "data")
    return Mould(folder / "data", filled)


@pytest.fixture
def site(mould: Mould, tmp_path: Path) -> Iterator[Site]:
    shutil.copytree(mould.data, tmp_path / "old" / "data")
    with serving(tmp_path / "old", **SETTINGS) as registry:
        found = Site(registry, tmp_path, str(tmp_path / "dest"))
        found.begin_as(mould.filled)
        yield found
        found.http.close()
