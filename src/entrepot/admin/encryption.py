"""Encryption at rest: which keys there are, how much lies under each of them, and changing that."""

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum

from fastapi import APIRouter

from entrepot.admin.caller import Called
from entrepot.admin.page import Model
from entrepot.admin.problem import Problem
from entrepot.db import jobs, keyed
from entrepot.db.connection import Connection
from entrepot.db.keyed import Usage
from entrepot.encryption.keys import Keyring
from entrepot.upkeep.encryption_jobs import ENCRYPT_OLD, NAMES, REKEY

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


class Work(Model):
    """How far a job is that changes it."""

    name: str
    state: jobs.State
    done: int
    """Rows, or bytes."""
    total: int | None
    """Of so many; null where nobody knows yet."""
    note: str
    error: str
    """What went wrong last."""


class Encryption(Model):
    """What lies under which key."""

    keys: list[Key]
    """The current one first."""
    plain: Amount
    """What is not encrypted."""
    jobs: list[Work]
    """None where no key was given."""


@router.get("")
async def status(caller: Called) -> Encryption:
    """Which keys were given or are in use, and how much lies under each of them."""
    database = caller.registry.database
    found = await database.scan(lambda db: list(keyed.usage(db)))
    standings = await caller.read(jobs.every)
    return summed(
        found, database.keyring, [shown(each) for each in standings if each.name in NAMES]
    )


def shown(standing: jobs.Standing) -> Work:
    """A job as the API shows it."""
    now = standing.progress
    return Work(
        name=standing.name,
        state=standing.state,
        done=now.done,
        total=now.total,
        note=now.note,
        error=now.error,
    )


@router.post("/rotate", status_code=202)
async def rotate(caller: Called) -> Work:
    """Have all rows sealed by the current key; no object is touched. It goes on by itself."""
    return await _ask(caller, REKEY, "encryption rotate")


@router.post("/encrypt-old", status_code=202)
async def encrypt_old(caller: Called) -> Work:
    """Have blobs encrypted that came before there was a key. It goes on by itself."""
    return await _ask(caller, ENCRYPT_OLD, "encryption encrypt-old")


async def _ask(caller: Called, name: str, action: str) -> Work:
    if caller.registry.database.keyring.current is None:
        raise Problem(409, "there is no key: give one by ENTREPOT_ENCRYPTION_KEY_FILE, and restart")

    def ask(db: Connection) -> Work:
        found = jobs.find(db, name) if jobs.ask(db, name) else None
        if found is None:  # this process has just started, and is the first one
            raise Problem(503, "the jobs are not there yet: try again in a moment")
        return shown(found)

    return await caller.change(action, f"job:{name}", ask)


def summed(found: Iterable[Usage], ring: Keyring, work: list[Work]) -> Encryption:
    """What lies there by key, those that were given in their order."""
    amounts: dict[str | None, Amount] = defaultdict(Amount)
    for usage in found:
        key = ring.find(usage.key).id if usage.key and ring.has(usage.key) else usage.key
        amount = amounts[key]
        amount.bytes += usage.bytes
        if usage.table in (keyed.OBJECTS.name, keyed.ASIDE.name):
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
    return Encryption(keys=keys, plain=plain, jobs=work)


def _state(ring: Keyring, name: str) -> State:
    if ring.current is not None and ring.current.id == name:
        return State.CURRENT
    return State.OLDER if ring.has(name) else State.MISSING
