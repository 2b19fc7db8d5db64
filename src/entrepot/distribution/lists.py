"""Lists: tags, the catalog, referrers; in pages, each with a link to the next.

Source: OCI Distribution Specification, "Listing Tags", "Listing Referrers"; Docker's catalog.
"""

from functools import partial
from urllib.parse import quote

from entrepot.db import referrers, repositories, tags
from entrepot.distribution import mirrored, through
from entrepot.distribution.asgi import Header
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request
from entrepot.distribution.response import Response, as_json
from entrepot.oci import media
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.manifest import MAX_BYTES

MAX_PAGE = 1000
"""Entries of one page, whatever a client asks for."""


async def tag_list(registry: Registry, request: Request) -> Response:
    """GET of a repository's tags, in order of their bytes."""
    repository = request.route.repository
    size, last = _size(request), _last(request)
    there, warning = await through.tags(registry, request)
    if there is not None:
        names = [name for name in there if name > last][: size + 1]
    else:
        listed = partial(tags.of, repository=repository, after=last, limit=size + 1)
        names = await registry.database.read(listed)
    headers = [*_link(request, names, size), *through.warning(warning), *mirrored.headers(request)]
    return as_json({"name": repository.name, "tags": names[:size]}, headers=headers)


async def catalog(registry: Registry, request: Request) -> Response:
    """GET of the names of repositories that whoever asks may pull from."""
    size = _size(request)
    catalog = partial(
        repositories.catalog,
        ranges=await registry.guard.readable(request),
        after=_last(request),
        limit=size + 1,
    )
    names = await registry.database.read(catalog)
    return as_json({"repositories": names[:size]}, headers=_link(request, names, size))


def _size(request: Request) -> int:
    """`n`, or as many as a page holds. Raises PAGINATION_NUMBER_INVALID."""
    text = request.parameter("n")
    if not text:
        return MAX_PAGE
    if not text.isascii() or not text.isdigit():
        raise OCIError(Code.PAGINATION_NUMBER_INVALID, "n is a whole number, 0 or more")
    return MAX_PAGE if len(text) > 9 else min(int(text), MAX_PAGE)


def _last(request: Request) -> str:
    return request.parameter("last") or ""


def _link(request: Request, names: list[str], size: int) -> list[Header]:
    """The next page, where there is more (RFC 8288). A page of none leads nowhere."""
    if len(names) <= size or size == 0:
        return []
    path = request.scope["path"]
    target = f"{path}?n={size}&last={quote(names[size - 1], safe='')}"
    if request.namespace:
        target += f"&ns={quote(request.namespace, safe='')}"
    return [(b"link", f'<{target}>; rel="next"'.encode())]


async def referrer_list(registry: Registry, request: Request) -> Response:
    """GET of what refers to a digest: an index, empty where nothing does."""
    wanted = request.parameter("artifactType") or None
    after = request.parameter("after") or "0"
    repository, digest = request.route.repository, request.route.digest
    warning = await through.referrers(registry, request)
    listed = partial(
        referrers.listed,
        repository=repository,
        subject=digest,
        artifact_type=wanted,
        after=int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0,
        limit=MAX_PAGE,
        room=MAX_BYTES,
    )
    rows, more = await registry.database.read(listed)
    headers: list[Header] = [(b"content-type", media.OCI_INDEX.encode())]
    headers += [*through.warning(warning), *mirrored.headers(request)]
    if wanted is not None:
        headers.append((b"oci-filters-applied", b"artifactType"))
    if more:
        headers.append(_next_referrers(request, wanted, rows[-1][0]))
    manifests = ", ".join(descriptor for _, descriptor in rows)
    index = f'{{"schemaVersion": 2, "mediaType": "{media.OCI_INDEX}", "manifests": [{manifests}]}}'
    return Response(200, headers, index.encode())


def _next_referrers(request: Request, wanted: str | None, after: int) -> Header:
    kept = f"artifactType={quote(wanted, safe='')}&" if wanted else ""
    target = f"{request.scope['path']}?{kept}after={after}"
    return b"link", f'<{target}>; rel="next"'.encode()
