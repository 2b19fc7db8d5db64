"""Edges upwards: which indexes of a repository list a manifest."""

from entrepot.db.connection import Connection
from entrepot.oci import media

_TYPES = tuple(sorted(media.INDEXES))


def above(db: Connection, number: int, digest: str, limit: int) -> list[str]:
    """The digests of indexes that list this one, the newest first; `number` is the repository's."""
    rows = db.execute(
        "select m.digest from edge e join manifest m on m.id = e.manifest "
        "where e.repository = ? and e.child = ? and m.media_type in (?, ?) "
        "order by m.id desc limit ?",
        (number, digest, *_TYPES, limit),
    )
    return [each for (each,) in rows]
