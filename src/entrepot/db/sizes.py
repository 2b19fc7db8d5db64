"""How much is kept. These queries read whole tables: never on the event loop."""

from dataclasses import dataclass

from entrepot.db.connection import Connection

_SUM = "cast(coalesce(sum(size), 0) as bigint)"  # PostgreSQL's sums are no integers
OF_REPOSITORY = (
    f"(select {_SUM} from manifest where repository = r.id) + "
    "(select cast(coalesce(sum(b.size), 0) as bigint) from repository_blob x "
    "join blob b on b.id = x.blob where x.repository = r.id)"
)
"""Bytes of manifests and blobs of the repository in the row `r`."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the registry holds; each blob counts once, however many repositories link it."""

    bytes: int
    blobs: int
    uploads: int


def measure(db: Connection) -> Sizes:
    """Sum it up."""
    blobs, size = db.execute(f"select count(*), {_SUM} from blob").fetchone()
    (manifests,) = db.execute(f"select {_SUM} from manifest").fetchone()
    (uploads,) = db.execute("select count(*) from upload").fetchone()
    return Sizes(size + manifests, blobs, uploads)
