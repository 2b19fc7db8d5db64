"""Mounts: a blob that is here already comes into a repository without being sent again.

No mount reads more than its actor may pull, nor more than its token was asked for. Where a better
token would do the client is told so; where nothing would, it uploads instead.
Source: OCI Distribution Specification, "Mounting a blob from another repository".
"""

from functools import partial

from entrepot.auth.roles import Action
from entrepot.auth.tokens import BLOBS
from entrepot.db import blobs
from entrepot.distribution.challenge import scopes_of
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository

_MOST_ORIGINS = 100
"""Repositories that are looked at for a blob that may come from any."""


async def mount(registry: Registry, request: Request, digest: Digest) -> bool:
    """Whether the blob is now linked here. What cannot be mounted is uploaded instead."""
    if await is_lost(registry, digest):
        return False
    source = request.parameter("from")
    if source:
        origin = await _named(registry, request, source)
    else:
        origin = await _any(registry, request, digest)
    if origin is None:
        return False
    link = partial(blobs.mount, target=request.route.repository, source=origin, digest=digest)
    return await registry.database.write(link)


async def is_lost(registry: Registry, digest: Digest) -> bool:
    """Whether the content known under this digest lies nowhere any more; then a new one heals."""
    known = await registry.database.read(partial(blobs.stored, digest=digest))
    if known is None or known.object is None:
        return False
    return known.lost or not await registry.store.holds(known.pieces)


async def _named(registry: Registry, request: Request, source: str) -> Repository | None:
    """The repository that the client named, if it may pull from there."""
    try:
        origin = Repository.parse(source)
    except OCIError:
        return None
    if await registry.guard.may(request, Action.PULL, origin):
        return origin
    if request.session.access is not None and await _may(registry, request, origin):
        raise registry.guard.challenge.insufficient(request, scopes_of(request, Action.PUSH))
    return None


async def _any(registry: Registry, request: Request, digest: Digest) -> Repository | None:
    """Any repository that has it and that the actor may pull from, if a token says so of itself."""
    access = request.session.access
    if access is not None and BLOBS not in access:  # be the blob here or not: that is not told
        raise registry.guard.challenge.insufficient(request, scopes_of(request, Action.PUSH))
    linked = partial(blobs.linked, digest=digest, limit=_MOST_ORIGINS)
    for origin in await registry.database.read(linked):
        if await registry.guard.may(request, Action.PULL, origin):
            return origin
        if await _may(registry, request, origin):
            return origin
    return None


async def _may(registry: Registry, request: Request, origin: Repository) -> bool:
    """Whether the actor may pull from there, by its grants."""
    visit = request.visit
    return bool(await registry.guard.directory.decide(request.actor, Action.PULL, origin, visit))
