"""Through: what a project that stands for another registry does not have is fetched from there.

For every other project this is one look into a dictionary, and that only where no answer lies
ready. Next: `upstream.cache`.
"""

from collections.abc import AsyncIterator
from functools import partial

from entrepot.db import repositories
from entrepot.db.upstreams import Upstream
from entrepot.distribution.asgi import Header
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request
from entrepot.oci.digest import Digest
from entrepot.oci.names import Reference, Repository
from entrepot.upstream.cache import told
from entrepot.upstream.cache.manifests import Found
from entrepot.upstream.cache.tail import Tail
from entrepot.upstream.place import RefusedError, UnknownError, UpstreamError

_MOST = 500
"""Characters of a warning."""


def only_kept(request: Request) -> bool:
    """Whether nothing is to be fetched for who asks, as for a drill (RFC 9111, 5.2.1.7)."""
    return "only-if-cached" in request.header(b"cache-control").lower()


async def _row(registry: Registry, request: Request) -> Upstream | None:
    """What is to be asked; None for nobody."""
    if only_kept(request):
        return None
    return await registry.guard.directory.upstream(request.route.repository)


async def manifest(registry: Registry, request: Request, reference: Reference) -> Found | None:
    """What a tag or a digest means upstream; None where the project is an ordinary one, or only
    what is kept is wanted. Raises `OCIError`.
    """
    row = await _row(registry, request)
    if row is None:
        return None
    return await registry.cache.manifest(row, request.route.repository, reference)


async def blob(registry: Registry, request: Request) -> Tail | int | None:
    """A blob that is being fetched, or for HEAD its size; None where it is kept by now, or the
    project is an ordinary one. Raises `OCIError`.
    """
    row, repository = await _row(registry, request), request.route.repository
    if row is None:
        return None
    if request.method == "HEAD":
        return await registry.cache.size(row, repository, request.route.digest)
    return await registry.cache.blob(row, repository, request.route.digest)


async def tags(registry: Registry, request: Request) -> tuple[list[str] | None, str]:
    """All tags of a repository upstream, and a warning; None where those that are kept are meant:
    the project is an ordinary one, or its upstream does not say. Raises `OCIError`.
    """
    row, repository = await _row(registry, request), request.route.repository
    if row is None:
        return None, ""
    try:
        return await registry.cache.tags(row, repository), ""
    except UpstreamError as error:
        unknown = isinstance(error, UnknownError | RefusedError)
        if not unknown and not await _is_here(registry, repository):
            raise told.failure(row, repository, error) from None
        return None, f"only tags that are kept: {error}"


async def _is_here(registry: Registry, repository: Repository) -> bool:
    identify = partial(repositories.identify, repository=repository)
    return await registry.database.read(identify) is not None


async def referrers(registry: Registry, request: Request) -> str:
    """Have what refers to a manifest upstream, where that is one; a warning where it does not say,
    or that is too much. Raises `OCIError`.
    """
    row = await _row(registry, request)
    if row is None:
        return ""
    try:
        lacks = await registry.cache.referrers(row, request.route.repository, request.route.digest)
    except UpstreamError as error:
        return f"only what is kept: {error}"
    return f"only {lacks}" if lacks else ""


async def signatures(
    registry: Registry, repository: Repository, digest: Digest
) -> AsyncIterator[str]:
    """Have what says upstream that a manifest is signed, step by step; each yields why that may not
    be all there is, "" where it is. No step for an ordinary project.
    """
    row = await registry.guard.directory.upstream(repository)
    if row is not None:
        async for why in registry.cache.signatures(row, repository, digest):
            yield why


def headers(found: Found | None) -> list[Header]:
    """What says that an answer may be old."""
    return [] if found is None else warning(found.warning)


def warning(text: str) -> list[Header]:
    """A header, where there is something to say (OCI Distribution Specification, "Warnings")."""
    if not text:
        return []
    told = "".join(c if " " <= c <= "~" else "?" for c in text[:_MOST])
    told = told.replace("\\", "?").replace('"', "'")
    return [(b"warning", b'299 - "%b"' % told.encode())]
