"""`Order`: what the server has a child make: which registry, and where its backups are.

It goes to the child's stdin as a line of JSON: with secrets, so neither arguments nor the
environment have it. Next: `child` does it, `scheduled` gives it.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from entrepot.blobstore.place import Place
from entrepot.db import place as metadata
from entrepot.encryption.keys import NO_KEYS, Keyring
from entrepot.upkeep.backup.vault import Vault, vault_at
from entrepot.upkeep.moving.end import End, end_at


@dataclass(frozen=True, slots=True)
class Order:
    """A registry, and the place of its backups."""

    to: str
    """A folder, or s3://… and so on."""
    options: Place
    """The endpoint and so on of that."""
    keep: int
    """How many backups stay; 0 for all."""
    data: Path
    storage: Place | None
    database_url: str = field(repr=False)
    keys: str = field(repr=False)
    """The registry's keys, a line each."""
    backup_keys: str = field(repr=False)
    """Those that its backups are sealed by."""

    def source(self) -> End:
        """The registry. Raises `StoreError`, ImportError."""
        keyring = self.keyring()
        place = metadata.find(self.data, self.database_url, keyring)
        return end_at(place, self.data, self.storage, keyring)

    def keyring(self) -> Keyring:
        """The registry's keys."""
        return _ring(self.keys)

    def vault(self) -> Vault:
        """Where the backups are. Raises `BackupError`, `StoreError`."""
        return vault_at(self.to, self.options, _ring(self.backup_keys))

    def dump(self) -> bytes:
        """The line of JSON."""
        return json.dumps(asdict(self), default=str).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Read it."""
        found: dict[str, Any] = json.loads(line)
        found["data"] = Path(found["data"])
        found["options"] = _place(found["options"])
        found["storage"] = _place(found["storage"]) if found["storage"] else None
        return cls(**found)


def lines_of(keyring: Keyring) -> str:
    """The keys, as `Order` has them."""
    return "\n".join(key.line for key in keyring.keys)


def _ring(lines: str) -> Keyring:
    return Keyring.parse(lines) if lines else NO_KEYS


def _place(found: dict[str, Any]) -> Place:
    place = Place(**found)
    return replace(place, ca=Path(place.ca)) if place.ca else place
