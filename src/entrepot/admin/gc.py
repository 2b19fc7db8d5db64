"""Garbage: what would go in the next round and why, and a round at once."""

import asyncio
import time
from dataclasses import asdict, replace
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query

from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import Model
from entrepot.admin.problem import Problem
from entrepot.db.connection import Connection
from entrepot.db.terms import Terms
from entrepot.upkeep import garbage
from entrepot.upkeep.rounds import sweep

router = APIRouter(prefix="/gc", tags=["garbage"])

_sweeping = asyncio.Lock()


class Garbage(Model):
    """Something that would go."""

    kind: garbage.Kind
    repository: str
    """"" for an object, which belongs to none."""
    name: str
    """The digest, tag, upload's id or object."""
    frees: int
    """Bytes that are free then."""
    why: str


class Survey(Model):
    """What would go in the next round."""

    count: int
    frees: int
    """Bytes that are free then."""
    complete: bool
    """Whether all of it was looked at; of very much, only a part is."""
    items: list[Garbage]


class Collected(Model):
    """What a round took."""

    uploads: int
    manifests: int
    """Moved to the trash."""
    purged: int
    """Things in the trash whose time was up."""
    links: int
    """Blobs that a repository had for nothing."""
    blobs: int
    """Those that no other had either, and so went for good."""
    bytes: int
    """Of those."""
    objects: int
    """Deleted from the store."""


Grace = Annotated[
    float | None,
    Query(
        ge=0,
        le=1e10,
        description="Seconds that blobs must have been idle, in place of the setting: with fewer "
        "of them, pushes under way may be told to send blobs again.",
    ),
]


def _terms(caller: Caller, grace: float | None) -> Terms:
    terms = caller.registry.terms
    return terms if grace is None else replace(terms, grace=grace)


@router.get("")
async def survey(
    caller: Called,
    grace: Grace = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Of each kind.")] = 1000,
) -> Survey:
    """What would go in the next round, how much room that makes, and why. Changes nothing."""
    registry = caller.registry
    terms = _terms(caller, grace)

    def ask(db: Connection) -> list[garbage.Garbage]:
        expiry = registry.upload_expiry
        return list(garbage.survey(db, terms, expiry, time.time(), limit + 1))

    found = await registry.database.scan(ask)
    kinds = [[each for each in found if each.kind is kind] for kind in garbage.Kind]
    shown = [each for of_kind in kinds for each in islice(of_kind, limit)]
    return Survey(
        count=len(shown),
        frees=sum(each.frees for each in shown),
        complete=all(len(of_kind) <= limit for of_kind in kinds),
        items=[Garbage(**asdict(each)) for each in shown],
    )


@router.post("")
async def collect(caller: Called, grace: Grace = None) -> Collected:
    """Make a round at once, and say what it took. It is safe at any time."""
    registry = caller.registry
    if _sweeping.locked():
        raise Problem(429, "such a round is under way: try again later")
    async with _sweeping:
        found = await sweep(
            registry.database,
            registry.store,
            registry.observer.metrics,
            _terms(caller, grace),
            registry.upload_expiry,
        )
    return Collected(**asdict(found))
