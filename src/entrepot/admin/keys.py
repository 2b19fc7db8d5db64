"""The keys that sign registry tokens: shown without their private parts, and rotated."""

import math
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from entrepot.admin.caller import Called
from entrepot.admin.page import Model, Page, moment
from entrepot.auth import keyring
from entrepot.db import keys
from entrepot.db.connection import Connection

router = APIRouter(prefix="/keys", tags=["keys"])


class Key(Model):
    """A key as shown; /.well-known/jwks.json has its public half."""

    id: str
    created_at: datetime | None
    retired_at: datetime | None
    """From then on it verifies, and signs no more; null for the one that signs."""


def shown(key: keys.SigningKey) -> Key:
    """A key as the API shows it."""
    return Key(id=key.id, created_at=moment(key.created_at), retired_at=moment(key.retired_at))


@router.get("")
async def index(caller: Called) -> Page[Key]:
    """All keys, the newest first."""
    return Page(items=[shown(each) for each in await caller.read(keys.every)])


@router.post("/rotate", status_code=201)
async def rotate(
    caller: Called,
    now: Annotated[
        bool, Query(description="Drop older keys: all registry tokens end at once.")
    ] = False,
) -> Key:
    """Sign with a new key; older ones verify until what they signed has ended."""
    key = keyring.make()

    def write(db: Connection) -> Key:
        keys.add(db, key)
        if now:
            keys.forget(db, math.inf)
        return shown(key)

    return await caller.change("key rotate", f"key:{key.id}", write, now=now)
