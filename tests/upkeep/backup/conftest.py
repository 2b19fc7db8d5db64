"""A filled registry of a folder, and a folder for its backups."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.accounts import ADMIN
from tests.registry import serving
from tests.upkeep.backup.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(
        tmp_path / "old", admin_password=ADMIN.secret, dangerously_without_accounts=False
    ) as registry:
        found = Site(registry, tmp_path, str(tmp_path / "dest"))
        found.fill()
        yield found
        found.http.close()
