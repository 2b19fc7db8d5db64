"""A database of the test's own, SQLite and PostgreSQL, and what is put into it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from entrepot.db import engine, place
from entrepot.db.connection import Connection
from entrepot.db.engine import SQLite


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with an empty database."""
    engine.prepare(tmp_path)
    return tmp_path


@pytest.fixture(params=["sqlite", "postgres"])
def db(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A connection to an empty registry, for queries that must do the same on both."""
    sqlite = request.param == "sqlite"
    where = request.getfixturevalue("folder" if sqlite else "database_url")
    found = place.find(where) if sqlite else place.find(Path(), where)
    found.prepare()
    with closing(found.connect()) as connection:
        yield connection


@pytest.fixture
def sqlite(folder: Path) -> Iterator[SQLite]:
    """A connection to SQLite, for what only that has."""
    with closing(engine.connect(folder)) as connection:
        yield connection
