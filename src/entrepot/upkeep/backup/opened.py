"""`Opened`: a backup to be restored, and what was made of it so far."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from entrepot.oci.digest import Digest
from entrepot.upkeep.backup import document, reading
from entrepot.upkeep.backup.document import Backup
from entrepot.upkeep.backup.vault import Bytes, LostError, Vault
from entrepot.upkeep.backup.verified import verified


@dataclass(slots=True)
class Opened:
    """Reads a backup, all of it verified. Raises `BackupError`."""

    vault: Vault
    backup: Backup
    damaged: dict[str, str] = field(default_factory=dict)
    """Digests that do not lie there whole, as far as is known, and why."""

    def contents(self) -> dict[str, int]:
        """Digests that it should have, and their bytes."""
        return dict(reading.contents(self.vault, self.backup))

    def pages(self, table: str, size: int) -> Iterator[list[dict[str, Any]]]:
        """The rows of a table, so many at a time."""
        lines = reading.rows(self.vault, self.backup, table)
        for page in document.paged(lines, size):
            yield [json.loads(line) for line in page]

    def count(self) -> int:
        """How many rows all tables have."""
        return sum(each.rows for each in self.backup.tables.values())

    def highest(self, table: str) -> int:
        """The highest number that a row of a counted table was ever given."""
        return self.backup.tables[table].highest if table in self.backup.tables else 0

    def strides(self, digest: str) -> Iterator[Bytes]:
        """The bytes of some content. Raises `LostError`, of which it keeps a note."""
        try:
            yield from verified(self.vault.read(document.place_of(digest)), Digest.parse(digest))
        except FileNotFoundError:
            self.damaged[digest] = "it is missing"
            raise LostError(self.damaged[digest]) from None
        except LostError as error:
            self.damaged[digest] = str(error)
            raise
