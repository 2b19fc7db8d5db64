"""Migrations by Alembic, for databases that an earlier version made. Imported only when needed:
SQLAlchemy takes longer to import than the registry to start.
"""

from collections.abc import Callable
from typing import Any

from alembic import command, op
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from entrepot.db.schema import VERSION, Dialect, revision, statements


def run(script: str) -> None:
    """Run a script; called by a revision."""
    bind = op.get_bind()
    dialect: Dialect = "sqlite" if bind.dialect.name == "sqlite" else "postgresql"
    for statement in statements(script, dialect):
        bind.exec_driver_sql(statement)


def migrate(
    dialect: str, connect: Callable[[], Any], version: int, before: str, after: str = ""
) -> None:
    """Bring a database from `version` to this one, in one transaction.

    `connect` gives the driver's connection, which is closed in the end; `before` is a statement
    that keeps others out, `after` one that ends it all.
    """
    engine = create_engine(f"{dialect}://", creator=connect, poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(before)
            config = Config()
            config.set_main_option("script_location", "entrepot:db/migrations")
            config.attributes["connection"] = connection
            command.stamp(config, revision(version), purge=True)
            command.upgrade(config, revision(VERSION))
            if after:
                connection.exec_driver_sql(after)
            connection.commit()
    finally:
        engine.dispose()
