"""`opened`: a backup to be restored; that of an older schema has its tables as this version does.

They are loaded into a database of that version in a temporary folder, which is upgraded as a
registry's own would be; content stays where it is. So whoever restores sees one schema alone.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from entrepot.db import engine, schema, tables
from entrepot.db.connection import Connection
from entrepot.db.schema import VERSION
from entrepot.upkeep.backup import rows
from entrepot.upkeep.backup.document import Backup
from entrepot.upkeep.backup.opened import Opened
from entrepot.upkeep.backup.vault import BackupError, Vault
from entrepot.upkeep.moving.move import Show

_OLDEST = 4
"""Schemas before that measured their content, which tables of a backup do not have."""
_PAGE = 500


@contextmanager
def opened(vault: Vault, backup: Backup, show: Show) -> Iterator[Opened]:
    """A backup to be restored. Raises `BackupError` for one of a newer schema."""
    _check(backup)
    plain = Opened(vault, backup)
    if backup.schema == VERSION:
        yield plain
        return
    with TemporaryDirectory(prefix="entrepot-") as folder:
        _load(plain, Path(folder), show)
        _upgrade(Path(folder), backup.schema)
        with closing(engine.connect_to_read(Path(folder))) as db:
            yield Renewed(vault, backup, db)


class Renewed(Opened):
    """Reads its tables from a database of this version."""

    def __init__(self, vault: Vault, backup: Backup, db: Connection) -> None:
        super().__init__(vault, backup)
        self._db = db

    def pages(self, table: str, size: int) -> Iterator[list[dict[str, Any]]]:
        """The rows of a table, so many at a time."""
        found = next(each for each in rows.kept() if each.name == table)
        page = list[dict[str, Any]]()
        for some in tables.pages(self._db, found):
            page += (dict(zip(found.columns, row, strict=True)) for row in some)
            while len(page) >= size:
                yield page[:size]
                del page[:size]
        if page:
            yield page

    def count(self) -> int:
        """How many rows all tables have."""
        return sum(tables.count(self._db, table) for table in rows.kept())

    def highest(self, table: str) -> int:
        """The highest number that a row of a counted table was ever given."""
        found = next(each for each in rows.kept() if each.name == table)
        return tables.highest(self._db, found)


def _check(backup: Backup) -> None:
    if backup.schema > VERSION:
        raise BackupError(
            f"backup {backup.id} has schema {backup.schema}, this Entrepot knows {VERSION}: "
            f"restore it with Entrepot {backup.version}, which made it, or a newer one"
        )
    if backup.schema < _OLDEST:
        raise BackupError(f"backup {backup.id} has schema {backup.schema}, which is too old")


def _load(backup: Opened, folder: Path, show: Show) -> None:
    """Make a database of the backup's version."""
    version = backup.backup.schema
    show.begin(f"reading tables of schema {version}", backup.count(), "rows")
    with closing(engine.connect(folder)) as db:
        db.execute("pragma synchronous = off")
        with db.exclusive():
            schema.make(db, version)
            for table in rows.kept(version):
                for page in backup.pages(table.name, _PAGE):
                    tables.insert(db, table, [rows.row_of(db, table, row, None) for row in page])
                    show.add(len(page))
                if table.counted:
                    tables.count_from(db, table, backup.highest(table.name))
            db.execute(f"pragma user_version = {version}")


def _upgrade(folder: Path, version: int) -> None:
    from entrepot.db.migrations import migrate

    after = f"pragma user_version = {VERSION}"
    migrate("sqlite", lambda: engine.connect(folder), version, "begin immediate", after)
