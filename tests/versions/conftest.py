"""Databases, as those of `tests/db`."""

from tests.db.conftest import db, folder

__all__ = ["db", "folder"]
