"""How much is kept. These queries read whole tables: never on the event loop."""

from dataclasses import dataclass

from entrepot.db.connection import Connection


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the registry holds; each blob counts once, however many repositories link it."""

    bytes: int
    blobs: int
    uploads: int


def measure(db: Connection) -> Sizes:
    """Sum it up."""
    blobs, size = db.execute("select count(*), coalesce(sum(size), 0) from blob").fetchone()
    (manifests,) = db.execute("select coalesce(sum(length(content)), 0) from manifest").fetchone()
    (uploads,) = db.execute("select count(*) from upload").fetchone()
    return Sizes(size + manifests, blobs, uploads)
