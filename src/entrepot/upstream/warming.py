"""`warm`: have a cache fetch images before anybody waits for them.

Of each blob its last byte is asked for: a cache hands that out when it has all of it, and compared
it with its digest. So nothing but some bytes comes this way.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from entrepot.oci.digest import Digest
from entrepot.upstream.chosen import Platform
from entrepot.upstream.copying import plan
from entrepot.upstream.http import again
from entrepot.upstream.place import Blob
from entrepot.upstream.readable import ReadableRepository

PATIENCE = 3600.0
"""Seconds that a cache has for one blob."""


@dataclass(frozen=True, slots=True)
class Warmed:
    """What is kept now."""

    digest: Digest
    manifests: int
    blobs: int
    size: int
    """Bytes of all blobs."""


def warm(
    there: ReadableRepository,
    reference: str,
    platforms: Sequence[Platform],
    pool: Executor,
    begin: Callable[[int], Callable[[int], None]] = lambda _: lambda _: None,
) -> Warmed:
    """Have all of an image fetched. `begin` is told how many bytes that are, and what it returns
    how many more are there; in any thread. Raises `UpstreamError`.
    """
    found = plan(there, reference, platforms, referrers=False)
    add = begin(found.size)

    def one(blob: Blob) -> None:
        again(lambda: _last_byte(there, blob))
        add(blob.size)

    for each in [pool.submit(one, blob) for blob in found.blobs]:
        each.result()
    return Warmed(found.root.digest, len(found.manifests), len(found.blobs), found.size)


def _last_byte(there: ReadableRepository, blob: Blob) -> None:
    for _ in there.blob(blob, max(0, blob.size - 1)):
        pass
