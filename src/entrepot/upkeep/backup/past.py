"""`Past`: the backup before, of which the next takes over what is the same.

What it has is taken to be there, since nobody takes that away; so a backup costs by what changed.
Now and then all of the place is looked at, and what is missing or cut short is sent again. So it
is where `verify` found damage: it leaves a file below `damaged/` for each that it found.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from entrepot import __version__
from entrepot.db.schema import VERSION
from entrepot.oci.layout import BLOBS
from entrepot.upkeep.backup import document
from entrepot.upkeep.backup.document import PARTS, Backup, Part
from entrepot.upkeep.backup.vault import BackupError, Vault

DAMAGED = "damaged"
_LOOK = timedelta(days=7)
_TRIED = 50
"""Backups that are read, the newest first, to find one of the same registry."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a place."""

    backup: Backup | None
    """The newest one of this registry, by this version of Entrepot."""
    last: str
    """The id of its newest one, by whichever version; "" where there is none."""
    looked_at: datetime
    marks: tuple[str, ...] = ()
    """Files that say what is damaged."""
    there: dict[str, int] | None = None
    """The files that lie there whole, and their bytes; None where they were not looked at."""

    @property
    def content(self) -> dict[str, int] | None:
        """Digests that are there, and their bytes."""
        if self.there is None:
            return None
        # Not parsed, which takes long: what is no digest is never looked for.
        return {
            name.removeprefix(f"{BLOBS}/").replace("/", ":", 1): size
            for name, size in self.there.items()
            if name.startswith(f"{BLOBS}/")
        }

    def highest(self, table: str) -> int:
        """Rows up to this one have their content there."""
        known = self.backup is not None and self.there is None
        return self.backup.tables[table].highest if self.backup and known else 0

    def parts(self, table: str) -> list[Part]:
        """A table's parts; those that are not there whole have no mark."""
        rows = self.backup.tables.get(table) if self.backup else None
        found = rows.parts if rows else ()
        if self.there is None:
            return list(found)
        return [
            part if self.there.get(part.name) == part.size else replace(part, mark="")
            for part in found
        ]


def look(vault: Vault, source: str, now: datetime, *, all_of_it: bool = False) -> Past:
    """Find it. All of the place is looked at where that was long ago, or is asked for."""
    last = _newest(vault, source)
    is_ours = last is not None and (last.version, last.schema) == (__version__, VERSION)
    backup, last_id = last if is_ours else None, last.id if last else ""
    marks = tuple(file.name for file in vault.files(DAMAGED))
    if backup is not None and not (all_of_it or marks or backup.lost):
        looked_at = datetime.fromisoformat(backup.looked_at)
        if timedelta() <= now - looked_at < _LOOK:  # the clock may have gone back
            return Past(backup, last_id, looked_at)
    there = {file.name: file.size for folder in (BLOBS, PARTS) for file in vault.files(folder)}
    for name in marks:
        there.pop(name.removeprefix(f"{DAMAGED}/"), None)
    return Past(backup, last_id, now.astimezone(UTC), marks, there)


def _newest(vault: Vault, source: str) -> Backup | None:
    """Of this registry, whichever version made it."""
    whole, _ = document.ids(vault)
    for id_ in reversed(whole[-_TRIED:]):
        with suppress(BackupError):  # what another has is good all the same
            found = document.read(vault, id_)
            if found.source == source:
                return found
    return None
