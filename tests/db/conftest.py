"""A database in a folder of its own, and what is put into it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.db import engine
from entrepot.db.connection import Connection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with an empty database."""
    engine.prepare(tmp_path)
    return tmp_path


@pytest.fixture
def db(folder: Path) -> Iterator[Connection]:
    connection = engine.connect(folder)
    yield connection
    connection.close()
