"""New secrets of robots and users: shown once, kept as hashes, rotated with an overlap.

Next: `robots`, `tokens`.
"""

import time
from collections.abc import Iterable
from typing import Annotated

from fastapi import Path
from pydantic import Field

from entrepot.admin.page import Model
from entrepot.admin.problem import Problem
from entrepot.auth import secrets
from entrepot.db import secrets as kept
from entrepot.db.connection import Connection
from entrepot.db.secrets import Kind, Limits, Secret

DAY = 24 * 3600.0
MOST = 100
"""Secrets of one kind that an account may have at once."""

Life = Annotated[float, Field(gt=0, le=36525 * DAY)]
"""Seconds."""
Overlap = Annotated[float, Field(ge=0, le=90 * DAY)]
Number = Annotated[int, Path(ge=1, le=2**62)]


class Rotation(Model):
    """A new secret in the place of older ones."""

    overlap: Overlap = DAY
    """Seconds for which the older ones stay good; 0 ends them at once."""
    expires: Life | None = None
    """Seconds that the new one is good, null for ever; where not given, as long as the old one."""


def make(
    db: Connection,
    kind: Kind,
    account: int,
    name: str,
    *,
    limits: Limits | None = None,
    expires_at: float | None = None,
) -> tuple[str, Secret]:
    """A new secret, and what is kept of it."""
    now = time.time()
    good = [each for each in kept.of_account(db, account, kind) if lasts(each, now)]
    if len(good) >= MOST:
        raise Problem(409, f"there are {MOST} secrets already: revoke those that nobody uses")
    text = secrets.make(kind)
    fingerprint = secrets.fingerprint(text)
    made = kept.add(db, kind, account, name, fingerprint, limits=limits, expires_at=expires_at)
    return text, made


def lasts(secret: Secret, now: float) -> bool:
    """Whether a secret has not ended yet."""
    return secret.expires_at is None or secret.expires_at > now


def end_of(life: float | None) -> float | None:
    """When something ends that begins now; None for never."""
    return None if life is None else time.time() + life


def life_after(old: Secret | None, wanted: Rotation) -> float | None:
    """Seconds that a new secret is good, None for ever."""
    if "expires" in wanted.model_fields_set or old is None or old.expires_at is None:
        return wanted.expires
    return old.life


def retire(db: Connection, older: Iterable[Secret], overlap: float) -> None:
    """Let older secrets end after the overlap, and what was made with them."""
    for each in older:
        kept.end(db, each.id, time.time() + overlap)
