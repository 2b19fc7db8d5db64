"""Uploads: begun by POST, carried on by PATCH, ended by PUT, or cancelled.

Source: OCI Distribution Specification, "Pushing Blobs"; `db.uploads` has the states.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from functools import partial

from entrepot.blobstore.aside import aside
from entrepot.blobstore.store import digest_of
from entrepot.db import blobs, pieces, uploads
from entrepot.db.blobs import Blob
from entrepot.db.pieces import SMALL, Piece
from entrepot.db.uploads import Upload
from entrepot.distribution import body, mounts, room
from entrepot.distribution.asgi import Header
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request
from entrepot.distribution.response import Response
from entrepot.distribution.spool import Spool
from entrepot.observe.metrics import UPLOADS_ACTIVE
from entrepot.oci.digest import CANONICAL, Digest, check_algorithm
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository
from entrepot.oci.ranges import parse_chunk


async def post(registry: Registry, request: Request) -> Response:
    """POST: mount what is here already, take a whole blob, or begin an upload."""
    repository = request.route.repository
    wanted = request.parameter("mount")
    if wanted is not None and await mounts.mount(registry, request, Digest.parse(wanted)):
        return _created(repository, Digest.parse(wanted))
    given = request.parameter("digest")
    digest = Digest.parse(given) if given is not None else None
    named = request.parameter("digest-algorithm")
    algorithm = digest.algorithm if digest else check_algorithm(named or CANONICAL)
    upload = Upload.new(repository, algorithm)
    if digest is None:
        await registry.begun.begin(upload)
        return Response(202, _progress(upload))
    await room.check(registry, repository, request.length or 1, digest)
    if _is_small(request):
        return await _keep_small(registry, request, digest)
    await registry.database.note(partial(uploads.begin, upload=upload))
    try:
        return await _finish(registry, request, upload, digest)
    except ConnectionResetError:  # nobody was told its id, so nobody could go on with it
        await registry.database.note(partial(uploads.cancel, upload=upload.id))
        raise


def _is_small(request: Request) -> bool:
    return request.length is not None and request.length <= SMALL


async def _keep_small(registry: Registry, request: Request, digest: Digest) -> Response:
    """Take in a small blob that comes whole; it needs no upload's row."""
    repository = request.route.repository
    content = await body.read(request, SMALL)
    _compare(Digest.of(content, digest.algorithm), digest)
    blob = Blob(len(content), content, None)
    add = partial(blobs.add, repository=repository, digest=digest, blob=blob, renew=False)
    await registry.database.write(add)
    return _created(repository, digest)


async def get(registry: Registry, request: Request) -> Response:
    """GET: how far the upload has come."""
    return Response(204, _progress(await _require(registry, request, row=False)))


async def patch(registry: Registry, request: Request) -> Response:
    """PATCH: more bytes, in one stream or in chunks."""
    upload = await _require(registry, request, row=request.length != 0)
    _check_chunk(request, upload)
    if request.length == 0:
        return Response(202, _progress(upload))
    await room.check(registry, upload.repository, upload.size + (request.length or 1))
    async with _writing(registry, request, upload) as spool:
        after = await _receive(registry, request, upload, spool)
        await _advance(registry, upload, after, spool)
        registry.hashing.keep(upload.id, after.size, spool.hasher)
    return Response(202, _progress(after))


async def put(registry: Registry, request: Request) -> Response:
    """PUT: the last bytes, if any, and the digest that they all must have."""
    upload = await _require(registry, request, row=not _is_small(request))
    given = request.parameter("digest")
    if given is None:
        raise OCIError(Code.DIGEST_INVALID, "say what the blob is: PUT …?digest=sha256:…")
    digest = Digest.parse(given)
    _check_chunk(request, upload)
    await room.check(registry, upload.repository, upload.size + (request.length or 0), digest)
    if not registry.begun.withdraw(upload):
        return await _finish(registry, request, upload, digest)
    try:
        return await _keep_small(registry, request, digest)
    except (OSError, sqlite3.Error):  # the client may try again
        await registry.begun.begin(upload)
        raise


async def delete(registry: Registry, request: Request) -> Response:
    """DELETE: the upload is over."""
    upload = await _require(registry, request, row=False)
    if not registry.begun.withdraw(upload):
        await registry.database.note(partial(uploads.cancel, upload=upload.id))
    return Response(204)


async def _require(registry: Registry, request: Request, *, row: bool) -> Upload:
    """The upload, with or without its row in the database."""
    return await registry.begun.find(request.route.repository, request.route.upload, row=row)


def _check_chunk(request: Request, upload: Upload) -> None:
    """A chunk must begin where the upload stands (416)."""
    header = request.header(b"content-range")
    if not header:
        return
    span = parse_chunk(header)
    if span.start != upload.size:
        raise OCIError(
            Code.BLOB_UPLOAD_INVALID,
            f"go on at byte {upload.size}, not at {span.start}",
            status=416,
            headers=tuple(_progress(upload)),
        )
    if request.length is not None:
        _check_length(request, request.length)


def _check_length(request: Request, length: int) -> None:
    """A chunk has as many bytes as it says; of a chunked body that is known in the end only."""
    header = request.header(b"content-range")
    if header and len(parse_chunk(header)) != length:
        raise OCIError(
            Code.SIZE_INVALID,
            f"Content-Range {header[:60]} has {len(parse_chunk(header))} bytes, the body {length}",
        )


@contextlib.asynccontextmanager
async def _writing(registry: Registry, request: Request, upload: Upload) -> AsyncIterator[Spool]:
    """Keep the upload, and the piece that is written, from going while bytes come; where the row
    does not say in the end that the piece counts, it goes.
    """
    known = registry.hashing.take(upload.id, upload.size)
    loop = asyncio.get_running_loop()

    async def begin(piece: Piece) -> None:
        await registry.database.note(partial(pieces.begin, owner=upload.id, piece=piece))

    def announce(piece: Piece) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(begin(piece), loop)

    keyring = registry.database.keyring
    spool = Spool(registry.store, keyring, upload, known, announce, coming=request.length)
    try:
        with _kept(registry, upload, spool):
            async with spool:
                yield spool
    except BaseException:
        if spool.piece is not None:
            why = "its request was not finished"
            with contextlib.suppress(RuntimeError):  # the process ends: the piece is found stale
                await registry.database.note(partial(pieces.drop, name=spool.piece.name, why=why))
        raise


@contextlib.contextmanager
def _kept(registry: Registry, upload: Upload, spool: Spool) -> Iterator[None]:
    """Touch the upload now and then, so that a slow request does not look like an idle one."""
    loop = asyncio.get_running_loop()
    pause = registry.upload_expiry / 3
    timer: asyncio.TimerHandle

    def touch() -> None:
        nonlocal timer
        note = partial(uploads.touch, upload=upload.id, piece=spool.piece)
        _ = registry.database.note(note)
        timer = loop.call_later(pause, touch)

    timer = loop.call_later(pause, touch)
    try:
        yield
    finally:
        timer.cancel()


async def _advance(registry: Registry, before: Upload, after: Upload, spool: Spool) -> None:
    """Say in the row how far the upload has come."""
    note = partial(uploads.advance, before=before, after=after, piece=spool.piece)
    await registry.database.note(note)


async def _receive(registry: Registry, request: Request, upload: Upload, spool: Spool) -> Upload:
    """Take the body in; the upload as it stands then.

    Where the body is cut the upload keeps what came, and a client can go on from there. Where
    the disk fails it does not: on a full one that room is needed.
    """
    metrics = registry.observer.metrics
    metrics.change(UPLOADS_ACTIVE, 1)
    try:
        _check_length(request, await body.receive_into(request, spool.write))
        return await spool.settle()
    except ConnectionResetError:
        await _advance(registry, upload, await spool.settle(), spool)
        raise
    except OSError:
        await aside(spool.drop)
        raise
    finally:
        metrics.change(UPLOADS_ACTIVE, -1)
        request.received = spool.size - upload.size


async def _finish(registry: Registry, request: Request, upload: Upload, digest: Digest) -> Response:
    """Take the last bytes in, compare, and make them a blob."""
    async with _writing(registry, request, upload) as spool:
        after = await _receive(registry, request, upload, spool)
        try:
            _compare(await _digest(registry, after, digest.algorithm, spool.piece), digest)
        except OCIError:
            await registry.database.note(partial(uploads.cancel, upload=upload.id))
            raise
        await registry.database.write(
            partial(
                uploads.complete,
                upload=upload,
                digest=digest,
                blob=_blob(after),
                piece=spool.piece,
                renew=await mounts.is_lost(registry, digest),
            )
        )
    return _created(upload.repository, digest)


def _blob(upload: Upload) -> Blob:
    if upload.size <= SMALL:
        return Blob(upload.size, upload.content or b"", None)
    return Blob(upload.size, None, upload.id)


async def _digest(registry: Registry, upload: Upload, algorithm: str, last: Piece | None) -> Digest:
    """The digest of an upload's bytes: known, or read from them once more."""
    if upload.size <= SMALL:
        return Digest.of(upload.content or b"", algorithm)
    if upload.digest is not None and upload.algorithm == algorithm:
        return Digest.parse(upload.digest)
    found = await registry.database.read(partial(pieces.of, owner=upload.id))
    whole = [*found, last] if last is not None else found
    return await aside(digest_of, registry.store, whole, algorithm)


def _compare(found: Digest, wanted: Digest) -> None:
    if found != wanted:
        raise OCIError(
            Code.DIGEST_INVALID,
            f"these bytes have the digest {found}, not {wanted}: start again with POST",
            detail={"digest": str(wanted), "received": str(found)},
        )


def _progress(upload: Upload) -> list[Header]:
    location = f"/v2/{upload.repository}/blobs/uploads/{upload.id}".encode()
    return [
        (b"location", location),
        (b"range", b"0-%d" % max(0, upload.size - 1)),
        (b"docker-upload-uuid", upload.id.encode()),
    ]


def _created(repository: Repository, digest: Digest) -> Response:
    location = f"/v2/{repository}/blobs/{digest}".encode()
    return Response(
        201,
        [(b"location", location), (b"docker-content-digest", str(digest).encode())],
    )
