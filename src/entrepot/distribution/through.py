"""Through: what a project that stands for another registry does not have is fetched from there.

For every other project this is one look into a dictionary, and that only where no answer lies
ready. Next: `upstream.cache`.
"""

from entrepot.distribution.asgi import Header
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request
from entrepot.oci.names import Reference, Repository
from entrepot.upstream.cache.manifests import Found
from entrepot.upstream.cache.tail import Tail

_MOST = 500
"""Characters of a warning."""


async def manifest(
    registry: Registry, repository: Repository, reference: Reference
) -> Found | None:
    """What a tag or a digest means upstream; None where the project is an ordinary one.

    Raises `OCIError`.
    """
    row = await registry.guard.directory.upstream(repository)
    return None if row is None else await registry.cache.manifest(row, repository, reference)


async def blob(registry: Registry, request: Request) -> Tail | int | None:
    """A blob that is being fetched, or for HEAD its size; None where it is kept by now, or the
    project is an ordinary one. Raises `OCIError`.
    """
    repository = request.route.repository
    row = await registry.guard.directory.upstream(repository)
    if row is None:
        return None
    if request.method == "HEAD":
        return await registry.cache.size(row, repository, request.route.digest)
    return await registry.cache.blob(row, repository, request.route.digest)


def headers(found: Found | None) -> list[Header]:
    """What says that an answer may be old (OCI Distribution Specification, "Warnings")."""
    if found is None or not found.warning:
        return []
    text = found.warning[:_MOST].encode("ascii", "replace").replace(b"\\", b"").replace(b'"', b"'")
    return [(b"warning", b'299 - "%b"' % bytes(c if 32 <= c < 127 else 63 for c in text))]
