"""`Backend`: where a registry keeps what it has; and how a test looks into both halves of it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from entrepot.blobstore.place import Place
from entrepot.blobstore.store import Store
from entrepot.blobstore.stores import store_at
from entrepot.db import place
from entrepot.db.connection import Connection
from entrepot.encryption.keys import NO_KEYS
from entrepot.upkeep.check import findings


@dataclass(frozen=True)
class Backend:
    settings: dict[str, Any] = field(default_factory=dict)
    """What the registry must be told."""
    url: str = ""
    """Of the database; "" for the one in the data folder."""
    objects: Place | None = None
    """Of large blobs, if not in the data folder."""

    @contextmanager
    def connect(self, data: Path) -> Iterator[Connection]:
        with closing(place.find(data, self.url).connect()) as db:
            yield db

    def store(self, data: Path) -> Store:
        return store_at(data, self.objects, NO_KEYS)

    def damage(self, data: Path, *, read: bool) -> list[str]:
        """What `entrepot check` would complain of."""
        with closing(place.find(data, self.url).connect_to_read()) as db:
            found = findings(db, self.store(data), read=read)
            return [f"{each.subject}: {each.what}" for each in found]
