"""Databases, as those of `tests/db`."""

from tests.db.conftest import db, folder, sqlite
from tests.db.conftest import db as each

__all__ = ["db", "each", "folder", "sqlite"]
