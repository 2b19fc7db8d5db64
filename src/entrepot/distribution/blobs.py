"""Blobs: pulled whole or in ranges, deleted. Source: OCI Distribution Specification."""

import logging
import time
from functools import partial

from entrepot.blobstore.store import Signed
from entrepot.db import blobs, links, repositories
from entrepot.db.blobs import Blob
from entrepot.distribution import mirrored, through
from entrepot.distribution.asgi import Header
from entrepot.distribution.conditions import etag, not_modified, range_applies
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request
from entrepot.distribution.resolved import Answer, describe
from entrepot.distribution.response import Response
from entrepot.distribution.router import Kind
from entrepot.oci import media
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository
from entrepot.oci.ranges import Span, parse_range
from entrepot.upstream.cache.tail import Tail

_log = logging.getLogger("entrepot.blobs")

_RANGES: Header = (b"accept-ranges", b"bytes")


async def get(registry: Registry, request: Request) -> Response:
    """GET and HEAD of a blob."""
    digest = request.route.digest
    required = await _require(registry, request)
    if isinstance(required, int):
        return Response(*_head(request, required, None))
    if isinstance(required, Tail):
        return _coming(registry, request, required)
    blob, mark = required
    registry.guard.pulled(request, str(digest))
    if not_modified(request, str(digest)):
        return Response(304, [(b"etag", etag(str(digest)).encode())])
    span = _span(request, blob.size)
    if request.method == "GET":
        signed = await registry.redirects.url(registry.store, blob, request.client)
        if signed is not None:
            return _redirect(registry, request, signed, mark)
    status, headers = _head(request, blob.size, span)
    if request.method == "HEAD" and not registry.store.near:
        return Response(status, headers)
    return await _response(registry, blob, status, headers, span or Span(0, blob.size))


def _head(request: Request, size: int, span: Span | None) -> tuple[int, list[Header]]:
    """Status and headers for all of a blob, or a span of it."""
    described = describe(str(request.route.digest), media.OCTETS, len(span or Span(0, size)))
    headers = [*described, _RANGES, *mirrored.headers(request)]
    if span is None:
        return 200, headers
    where = b"bytes %d-%d/%d" % (span.start, span.stop - 1, size)
    return 206, [*headers, (b"content-range", where)]


def _coming(registry: Registry, request: Request, tail: Tail) -> Response:
    """What is being fetched, while it comes."""
    registry.guard.pulled(request, str(request.route.digest))
    span = _span(request, tail.size)
    status, headers = _head(request, tail.size, span)
    return Response(status, headers, source=tail.source(span or Span(0, tail.size)))


async def _require(registry: Registry, request: Request) -> tuple[Blob, int | None] | Tail | int:
    """The blob, linked in this very repository, or on its way there from upstream. If a manifest
    needs it, it stays until the repository changes: then an answer may be kept behind the mark, and
    a small one is.
    """
    repository, digest = request.route.repository, request.route.digest
    mark = registry.resolved.mark()
    find = partial(blobs.find, repository=repository, digest=digest)
    blob = await registry.database.read(find)
    if blob is None or blob.lost:
        if (coming := await through.blob(registry, request)) is not None:
            return coming
        blob = await registry.database.read(find)
    if blob is None:
        raise await unknown(registry, repository, digest)
    if blob.lost:
        raise _lost()
    if not await _is_needed(registry, request, blob):
        if not await _promise(registry, request, blob):
            raise await unknown(registry, repository, digest)
        return blob, None
    if blob.content is not None:
        own = describe(str(digest), media.OCTETS, blob.size)
        headers = [*own, _RANGES, *mirrored.headers(request)]
        answer = Answer(
            repository.name,
            str(digest),
            media.OCTETS,
            blob.content,
            headers,
            Kind.BLOB.value,
        )
        registry.resolved.keep(request, answer, mark)
    return blob, mark


def _redirect(registry: Registry, request: Request, signed: Signed, mark: int | None) -> Response:
    """Send a client to the store, and the next ones, too, where their addresses do not matter."""
    digest = str(request.route.digest)
    headers = [
        (b"location", signed.url.encode("latin-1")),
        (b"content-length", b"0"),
        (b"docker-content-digest", digest.encode()),
    ]
    if registry.redirects.everyone and mark is not None:
        answer = Answer(
            request.route.repository.name,
            digest,
            media.OCTETS,
            b"",
            headers,
            Kind.BLOB.value,
            status=307,
            until=time.perf_counter() + signed.until - time.monotonic(),
        )
        registry.resolved.keep(request, answer, mark)
    return Response(307, [*headers])


async def _is_needed(registry: Registry, request: Request, blob: Blob) -> bool:
    if blob.idle_since is None:
        return True
    repository, digest = request.route.repository, request.route.digest
    query = partial(links.is_needed, repository=repository, digest=digest)
    return await registry.database.read(query)


async def _promise(registry: Registry, request: Request, blob: Blob) -> bool:
    """Keep what a client is told to be here for a grace, so that it may push a manifest that needs
    it; half of one is left in any case. False where the collector was faster.
    """
    assert blob.idle_since is not None
    if time.time() - blob.idle_since < registry.terms.grace / 2:
        return True
    repository, digest = request.route.repository, request.route.digest
    promise = partial(links.promise, repository=repository, digest=digest)
    return await registry.database.note(promise)


def _span(request: Request, size: int) -> Span | None:
    header = request.header(b"range") if request.method == "GET" else ""  # RFC 9110, 14.2
    if not header or not range_applies(request, str(request.route.digest)):
        return None
    return parse_range(header, size)


async def _response(
    registry: Registry, blob: Blob, status: int, headers: list[Header], span: Span
) -> Response:
    if blob.content is not None:
        return Response(status, headers, blob.content[span.start : span.stop])
    try:
        source = await registry.store.open(blob.pieces, span)
    except FileNotFoundError:
        names = " ".join(piece.name for piece in blob.pieces)
        _log.error("the bytes of a blob are lost: object %s; run entrepot check", names)
        raise _lost() from None
    return Response(status, headers, source=source)


def _lost() -> OCIError:
    """Unknown, so that a client which has the bytes pushes them again, and so heals the blob."""
    return OCIError(Code.BLOB_UNKNOWN, "this blob's bytes are lost here: push it again")


async def unknown(registry: Registry, repository: Repository, digest: Digest) -> OCIError:
    """The error for a blob that the repository does not link, be it elsewhere or not."""
    identify = partial(repositories.identify, repository=repository)
    if await registry.database.read(identify) is None:
        return repositories.unknown(repository)
    return OCIError(
        Code.BLOB_UNKNOWN, f"{repository} has no blob {digest}", detail={"digest": str(digest)}
    )


async def delete(registry: Registry, request: Request) -> Response:
    """DELETE: the repository links the blob no more."""
    repository, digest = request.route.repository, request.route.digest
    removed = await registry.database.write(
        partial(
            blobs.remove,
            repository=repository,
            digest=digest,
            even_if_used=registry.sparse,
            even_if_running=request.even_if_running,
            by=request.by(),
        )
    )
    if not removed:
        raise await unknown(registry, repository, digest)
    return Response(202)
