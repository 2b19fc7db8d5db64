"""A registry's database, and a project in it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.db.pushed import APP

from entrepot.db import engine, projects, repositories
from entrepot.db.connection import Connection
from entrepot.db.projects import Project
from entrepot.signatures.valid import Place


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    engine.prepare(tmp_path)
    with closing(engine.connect(tmp_path)) as connection:
        projects.create(connection, Project("team"), "user:ada")
        yield connection


@pytest.fixture
def app(db: Connection) -> Place:
    return repositories.ensure(db, APP), APP
