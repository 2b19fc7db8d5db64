"""Encryption at rest: which keys there are, and how much lies under each of them."""

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum

from fastapi import APIRouter

from entrepot.admin.caller import Called
from entrepot.admin.page import Model
from entrepot.db import keyed
from entrepot.db.keyed import Usage
from entrepot.encryption.keys import Keyring

router = APIRouter(prefix="/encryption", tags=["encryption"])


class State(StrEnum):
    """What becomes of a key."""

    CURRENT = "current"
    """It encrypts what is new."""
    OLDER = "older"
    """It decrypts what it encrypted before."""
    MISSING = "missing"
    """It was not given, and what it encrypted cannot be read."""


class Amount(Model):
    """How much lies there."""

    rows: int = 0
    """Manifests, small blobs, uploads and signing keys, in the database."""
    objects: int = 0
    """Pieces of large blobs, in the store."""
    bytes: int = 0


class Key(Amount):
    """A key, and what it encrypts."""

    id: str
    state: State


class Encryption(Model):
    """What lies under which key."""

    keys: list[Key]
    """The current one first."""
    plain: Amount
    """What is not encrypted."""


@router.get("")
async def status(caller: Called) -> Encryption:
    """Which keys were given or are in use, and how much lies under each of them."""
    database = caller.registry.database
    found = await database.scan(lambda db: list(keyed.usage(db)))
    return summed(found, database.keyring)


def summed(found: Iterable[Usage], ring: Keyring) -> Encryption:
    """What lies there by key, those that were given in their order."""
    amounts: dict[str | None, Amount] = defaultdict(Amount)
    for usage in found:
        key = ring.find(usage.key).id if usage.key and ring.has(usage.key) else usage.key
        amount = amounts[key]
        amount.bytes += usage.bytes
        if usage.table == keyed.OBJECTS.name:
            amount.objects += usage.rows
        else:
            amount.rows += usage.rows
    plain = amounts.pop(None, Amount())
    given = [key.id for key in ring.keys]
    names = [*given, *sorted(set(amounts) - set(given) - {None}, key=str)]
    keys = [
        Key(id=str(name), state=_state(ring, str(name)), **amounts[name].model_dump())
        for name in names
    ]
    return Encryption(keys=keys, plain=plain)


def _state(ring: Keyring, name: str) -> State:
    if ring.current is not None and ring.current.id == name:
        return State.CURRENT
    return State.OLDER if ring.has(name) else State.MISSING
