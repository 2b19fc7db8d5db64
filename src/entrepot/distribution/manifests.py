"""Manifests: pulled by tag or digest, pushed, deleted.

Source: OCI Distribution Specification, "Pulling manifests", "Pushing Manifests", "Deleting".
"""

import asyncio
import time
from functools import partial

from entrepot.auth.roles import Action
from entrepot.db import manifests, repositories
from entrepot.db.manifests import Stored
from entrepot.distribution import body, mirrored, replicas, room, signed, through
from entrepot.distribution.asgi import Header
from entrepot.distribution.conditions import etag, not_modified
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request
from entrepot.distribution.resolved import Answer, describe
from entrepot.distribution.response import Response
from entrepot.distribution.router import Kind
from entrepot.oci import media
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.manifest import MAX_BYTES, Manifest
from entrepot.oci.names import Reference, Repository, Tag
from entrepot.versions import floating

_READ_ASIDE_FROM = 64 * 1024
_FEW_PARTS = 50
"""With more of them storing a manifest takes longer than the event loop should be held up."""

_VARY: Header = (b"vary", b"Accept")


async def get(registry: Registry, request: Request) -> Response:
    """GET and HEAD of a manifest."""
    answer = await _resolve(registry, request)
    chosen = await _negotiate(registry, request, answer)
    registry.guard.pulled(request, chosen.digest)
    if not_modified(request, chosen.digest):
        return Response(304, [(b"etag", etag(chosen.digest).encode()), _VARY])
    return Response(200, list(chosen.headers), chosen.content)


async def _resolve(registry: Registry, request: Request) -> Answer:
    """The answer that lies ready, else the one that the database gives."""
    answer = registry.resolved.ready(request)
    if answer is None or answer.until < time.perf_counter():
        repository, reference = request.route.repository, request.route.reference
        mark = registry.resolved.mark()
        kept = through.only_kept(request)
        found = await through.manifest(registry, request, reference)
        stored = found.stored if found else await _find(registry, repository, reference)
        if stored is None:
            raise await _unknown(registry, repository, reference)
        if not stored.content:
            raise OCIError(
                Code.MANIFEST_UNKNOWN, "this manifest's bytes are lost here: push it again"
            )
        answer = _answer(request, stored, through.headers(found))
        answer.until = await signed.until(registry, request, stored.digest)
        if found is not None:
            answer.until = min(answer.until, time.perf_counter() + found.seconds)
        if not kept:  # nobody knows for how long it holds
            registry.resolved.keep(request, answer, mark)
    return answer


async def _find(registry: Registry, repository: Repository, reference: Reference) -> Stored | None:
    find = partial(manifests.find, repository=repository, reference=reference)
    return await registry.database.read(find)


def _answer(request: Request, stored: Stored, more: list[Header]) -> Answer:
    repository = request.route.repository
    own = describe(stored.digest, stored.media_type, len(stored.content))
    headers = [*own, _VARY, *more, *mirrored.headers(request)]
    return Answer(
        repository.name,
        stored.digest,
        stored.media_type,
        stored.content,
        headers,
        Kind.MANIFEST.value,
        negotiable=stored.media_type in media.INDEXES,
    )


async def _negotiate(registry: Registry, request: Request, answer: Answer) -> Answer:
    """For a client that takes images but no indexes, the image for linux/amd64 instead.

    So Docker has always had it; a client that accepts neither gets what the tag says. A digest
    names one document, so there is nothing to choose.
    """
    header = request.header(b"accept")
    accepted = {text.partition(";")[0].strip() for text in header.split(",")}
    if (
        not answer.negotiable
        or isinstance(request.route.reference, Digest)
        or accepted & {"", "*/*", "application/*", answer.media_type}
        or not accepted & media.IMAGES
    ):
        return answer
    for child in await _children(answer, accepted):
        repository = request.route.repository
        found = await through.manifest(registry, request, child)
        stored = found.stored if found else await _find(registry, repository, child)
        if stored is not None and stored.content:
            return _answer(request, stored, [])
    return answer


async def _children(answer: Answer, accepted: set[str]) -> list[Digest]:
    index = await _parse(answer.content, answer.media_type)
    return [
        child.digest
        for child in index.children
        if child.platform == ("linux", "amd64") and child.media_type in accepted
    ]


async def put(registry: Registry, request: Request) -> Response:
    """PUT: the manifest and its tags, once all that it refers to is here."""
    room.check_disk(registry)
    reason = request.reason
    content = await body.read(request, MAX_BYTES)
    repository, reference = request.route.repository, request.route.reference
    manifest = await _read(content, request.header(b"content-type"), reference)
    names = _tags(request)
    mark, kept = replicas.mark(request), replicas.Kept()
    put = partial(
        replicas.put,
        repository=repository,
        manifest=manifest,
        names=names,
        sparse=registry.sparse,
        move=bool(await registry.guard.may(request, Action.MOVE, repository)),
        by=request.by(),
        reason=reason,
        mark=mark,
        kept=kept,
    )
    missing = await registry.database.write(
        partial(floating.keeping, repository=repository, act=put, by=request.by()),
        large=len(manifest.blobs) + len(manifest.children) > _FEW_PARTS,
    )
    return Response(201, _created(request, manifest, names, missing) + kept.headers)


async def _read(content: bytes, declared: str, reference: Reference) -> Manifest:
    algorithm = reference.algorithm if isinstance(reference, Digest) else "sha256"
    manifest = await _parse(content, declared, algorithm)
    if isinstance(reference, Digest) and manifest.digest != reference:
        raise OCIError(
            Code.DIGEST_INVALID, f"the manifest's digest is {manifest.digest}, not {reference}"
        )
    return manifest


async def _parse(content: bytes, declared: str, algorithm: str = "sha256") -> Manifest:
    if len(content) < _READ_ASIDE_FROM:
        return Manifest.read(content, declared, algorithm)
    # Megabytes of JSON would hold up everyone else.
    return await asyncio.to_thread(Manifest.read, content, declared, algorithm)


def _tags(request: Request) -> list[Tag]:
    """The tag in the path; or, where that has a digest, those given by `?tag=`."""
    reference = request.route.reference
    if isinstance(reference, Tag):
        return [reference]
    return [Tag.parse(text) for text in dict.fromkeys(request.query.get("tag", ()))]


def _created(
    request: Request, manifest: Manifest, names: list[Tag], missing: list[Digest]
) -> list[Header]:
    digest = str(manifest.digest).encode()
    location = f"/v2/{request.route.repository}/manifests/{manifest.digest}"
    headers = [(b"location", location.encode()), (b"docker-content-digest", digest)]
    if isinstance(request.route.reference, Digest):
        headers += [(b"oci-tag", name.name.encode()) for name in names]
    if manifest.subject is not None:
        headers.append((b"oci-subject", str(manifest.subject.digest).encode()))
    if missing:
        headers.append(_warning(f"{len(missing)} of its parts are not in this repository"))
    if manifest.foreign:
        headers.append(_warning("non-distributable layers are deprecated; they are not kept here"))
    return headers


def _warning(text: str) -> Header:
    """Source: OCI Distribution Specification, "Warnings"."""
    return b"warning", b'299 - "%b"' % text.encode("ascii")


async def delete(registry: Registry, request: Request) -> Response:
    """DELETE of a tag, or of a manifest with its tags: into the trash."""
    repository, reference = request.route.repository, request.route.reference
    mark, kept = replicas.mark(request), replicas.Kept()
    if isinstance(reference, Tag):
        remove = partial(
            replicas.remove,
            repository=repository,
            tag=reference,
            mark=mark,
            kept=kept,
            even_if_running=request.even_if_running,
            keep=registry.terms.keep,
            by=request.by(),
            reason=request.reason,
        )
    else:
        remove = partial(
            manifests.remove,
            repository=repository,
            digest=reference,
            even_if_used=registry.sparse,
            even_if_running=request.even_if_running,
            keep=registry.terms.keep,
            by=request.by(),
            reason=request.reason,
        )
    # A manifest may have thousands of parts.
    gone = partial(floating.keeping, repository=repository, act=remove, by=request.by())
    item = await registry.database.write(gone, large=isinstance(reference, Digest))
    if not item and not kept.what:
        raise await _unknown(registry, repository, reference)
    return Response(202, kept.headers)


async def _unknown(registry: Registry, repository: Repository, reference: Reference) -> OCIError:
    identify = partial(repositories.identify, repository=repository)
    if await registry.database.read(identify) is None:
        return repositories.unknown(repository)
    what = "tag" if isinstance(reference, Tag) else "manifest"
    return OCIError(
        Code.MANIFEST_UNKNOWN,
        f"{repository} has no {what} {reference}",
        detail={what: str(reference)},
    )
