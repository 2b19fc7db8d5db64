"""Signatures of an image: which there are, whose they are, and what is demanded of its pulls."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from entrepot.admin.caller import Called, unknown
from entrepot.admin.page import Model, RepositoryName
from entrepot.admin.problem import Problem
from entrepot.auth.roles import Action
from entrepot.db import manifests, repositories, signers
from entrepot.db.connection import Connection
from entrepot.distribution import through
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository, parse_reference
from entrepot.signatures import demands, evidence, found, valid
from entrepot.signatures.evidence import Format, Signature
from entrepot.signatures.valid import Judged, Place

router = APIRouter(prefix="/signatures", tags=["signatures"])


class Verdict(Model):
    """What a signature is, as seen for one signer."""

    signer: str
    good: bool
    why: str
    """Why it does not count; empty where it does."""


class Found(Model):
    """Something that claims to be a signature of the image."""

    manifest: str
    """The digest of the manifest that carries it."""
    format: Format
    verdicts: list[Verdict]
    """One for each signer of the repository."""
    evidence: dict[str, str]
    """All of it, for whoever verifies it by themselves; content in base64."""


class Signed(Model):
    """An image, and who signed it."""

    repository: str
    digest: str
    signers: list[str]
    """Who signed it; signatures of an index above it are not counted here."""
    signatures: list[Found]
    pullable: bool
    """Whether whoever may pull gets it, by what its project demands."""
    trouble: str = ""
    """Why these may not be all there are: the registry that the project stands for does not say."""


@router.get("")
async def show(
    caller: Called,
    repository: Annotated[RepositoryName, Query(description="The repository, such as team/app.")],
    digest: Annotated[str, Query(max_length=512, description="The image's digest, or a tag.")],
) -> Signed:
    """The signatures of an image, with what each is worth to the project's signers; where that
    stands for another registry, also those that one has.
    """
    where = Repository(repository)
    await caller.allow(Action.PULL, where)
    known = await caller.read(partial(_digest, where=where, text=digest))
    sought = through.signatures(caller.registry, where, Digest.parse(known))
    whys = [why async for why in sought if why]
    signed = await caller.registry.database.scan(partial(_signed, where=where, digest=known))
    return signed.model_copy(update={"trouble": "; ".join(whys)})


def _digest(db: Connection, where: Repository, text: str) -> str:
    if repositories.identify(db, where) is None:
        raise unknown(where)
    try:
        reference = parse_reference(text)
    except OCIError as error:
        raise Problem(422, error.message) from None
    stored = manifests.find(db, where, reference)
    if stored is None:
        raise Problem(404, f"{where} has no manifest {reference}")
    return stored.digest


def _signed(db: Connection, where: Repository, digest: str) -> Signed:
    number = repositories.identify(db, where)
    if number is None:
        raise unknown(where)
    place = number, where
    judged = valid.judged(db, place, digest)
    return Signed(
        repository=where.name,
        digest=digest,
        signers=sorted(valid.signers(db, place, digest)),
        signatures=[_found(signature, judged) for signature in found.signatures(db, place, digest)],
        pullable=_is_pullable(db, place, Digest.parse(digest)),
    )


def _found(signature: Signature, judged: list[Judged]) -> Found:
    verdicts = [
        Verdict(signer=each.signer, good=not (why := each.why()), why=why)
        for each in judged
        if each.signature == signature
    ]
    return Found(
        manifest=signature.manifest,
        format=signature.format,
        verdicts=verdicts,
        evidence=evidence.document(signature.evidence),
    )


def _is_pullable(db: Connection, place: Place, digest: Digest) -> bool:
    wanted = demands.applying(signers.demands(db, place[1].project), place[1])
    return demands.answer(db, place, digest, str(digest), wanted).unmet is None
