"""How large images are, with all that is below them: each blob and manifest counts once.

A manifest that lists more than images do is not looked into, for a page of a list would take long.
"""

from collections.abc import Sequence

from entrepot.db.connection import Connection

LARGEST = 256 * 1024
"""Bytes of a manifest that is looked into: more than a thousand layers."""

_BELOW = (
    "with recursive below (root, digest) as ("
    "select m.digest, m.digest from manifest m where m.repository = ? and m.digest in ({marks}) "
    f"and m.size <= {LARGEST} "
    "union select b.root, e.child from below b join manifest m on m.repository = ? "
    f"and m.digest = b.digest and m.size <= {LARGEST} join edge e on e.manifest = m.id), "
    "sized (root, size) as (select w.root, m.size from below w "
    "join manifest m on m.repository = ? and m.digest = w.digest "
    "union all select w.root, b.size from below w join blob b on b.digest = w.digest "
    "join repository_blob x on x.repository = ? and x.blob = b.id) "
    "select root, cast(sum(size) as bigint) from sized group by root"
)


def of(db: Connection, number: int, digests: Sequence[str]) -> dict[str, int]:
    """By digest, bytes of manifests of a repository: an index has those of all its platforms.

    Without those that are too large to be looked into.
    """
    query = _BELOW.replace("{marks}", ", ".join("?" * len(digests)))
    return dict(db.execute(query, (number, *digests, number, number, number)).fetchall())
