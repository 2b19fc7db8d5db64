"""Signed pulls: where a project demands signatures, a manifest is served to whoever may push there,
and to others once it is signed; where it stands for another registry, by what that one has.

Whoever signs has to read first what they sign; so who may push may pull. What they get is not kept:
an answer that lies ready is for everybody with a pass. Blobs are not held to it: what is promised
is that no unsigned manifest comes, and an image is run by its manifest.
"""

import time
from functools import partial
from typing import Any

from entrepot.db import manifests, repositories
from entrepot.db.connection import Connection
from entrepot.db.signers import Demand
from entrepot.distribution import through
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository, Tag
from entrepot.signatures import attached, demands
from entrepot.signatures.demands import Answer
from entrepot.upstream.cache.manifests import STALE_SECONDS

_FOR_THEM_ALONE = 0.0
"""By `time.perf_counter`: it has ended, so nobody else gets it."""


async def until(registry: Registry, request: Request, digest: str) -> float:
    """How long, by `time.perf_counter`, a manifest may be served to whoever may pull.

    Raises DENIED where it is not signed as the project demands and they may not push.
    """
    repository = request.route.repository
    every = await registry.guard.directory.demands(repository)
    wanted = demands.applying(every, repository) if every else []
    if not wanted:
        return float("inf")
    judge = partial(_answer, request=request, digest=digest, wanted=wanted)
    found = await registry.database.scan(judge)
    whys: list[str] = []
    if found.unmet is not None and not through.only_kept(request):
        async for why in through.signatures(registry, repository, Digest.parse(digest)):
            whys.append(why)
            found = await registry.database.scan(judge)
            if found.unmet is None:
                break
    if found.unmet is None:
        return time.perf_counter() + found.until - time.time()
    if await registry.guard.pushes(request):
        return _FOR_THEM_ALONE
    if any(whys):
        raise _unknown(request, digest, found.unmet, next(filter(None, whys)))
    error = _refused(request, digest, found.unmet, asked=bool(whys))
    registry.guard.denied(request, error.message)
    raise error


def put(
    db: Connection,
    repository: Repository,
    manifest: Manifest,
    names: list[Tag],
    *,
    move: bool,
    **more: Any,
) -> list[Digest]:
    """`manifests.put`; whoever signs may add to the signatures that lie under cosign's tag, though
    they may not `move` tags.
    """
    move = move or all(attached.adds(db, repository, tag, manifest) for tag in names)
    return manifests.put(db, repository, manifest, names, move=move, **more)


def _answer(db: Connection, request: Request, digest: str, wanted: list[Demand]) -> Answer:
    repository, reference = request.route.repository, request.route.reference
    number = repositories.identify(db, repository)
    if number is None:
        raise repositories.unknown(repository)
    return demands.answer(db, (number, repository), reference, digest, wanted)


def _refused(request: Request, digest: str, demand: Demand, *, asked: bool) -> OCIError:
    """The error for what is not signed; `asked` says whether another registry was, too."""
    repository, names = request.route.repository, " or ".join(demand.signers)
    where = ", and the registry that it stands for has none either" if asked else ""
    return OCIError(
        Code.DENIED,
        f"{repository}@{digest} has no good signature of {names}, which project "
        f"{demand.project} demands for pulls{where}: have it signed, or see what it has by "
        f"`entrepot verify {repository}@{digest}`",
        detail={"digest": digest, "signers": list(demand.signers)},
    )


def _unknown(request: Request, digest: str, demand: Demand, why: str) -> OCIError:
    """The error for what may be signed, for all that is known here."""
    return OCIError(
        Code.UNAVAILABLE,
        f"{request.route.repository}@{digest} has no good signature here of "
        f"{' or '.join(demand.signers)}, which project {demand.project} demands for pulls, and "
        f"its registry does not say whether there is one: {why}",
        headers=((b"retry-after", b"%d" % STALE_SECONDS),),
    )
