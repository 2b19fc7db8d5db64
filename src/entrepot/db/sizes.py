"""How much is kept. These queries read whole tables: never on the event loop."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the registry holds; each blob counts once, however many repositories link it."""

    bytes: int
    blobs: int
    uploads: int


def measure(db: sqlite3.Connection) -> Sizes:
    """Sum it up."""
    blobs, size = db.execute("select count(*), coalesce(sum(size), 0) from blob").fetchone()
    (manifests,) = db.execute("select coalesce(sum(length(content)), 0) from manifest").fetchone()
    (uploads,) = db.execute("select count(*) from upload").fetchone()
    return Sizes(size + manifests, blobs, uploads)
