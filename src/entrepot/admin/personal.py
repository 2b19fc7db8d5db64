"""A new personal token: it may no more, and lasts no longer, than what its maker came by.

So whoever steals a token gains no time by it. Next: `tokens`.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from entrepot.admin import credentials
from entrepot.admin.caller import Caller
from entrepot.admin.page import Allowance, Model, moment
from entrepot.admin.problem import Problem
from entrepot.auth import limits
from entrepot.db import secrets
from entrepot.db.connection import Connection
from entrepot.db.secrets import Kind, Limits, Secret


class Token(Model):
    """What is known of a token; itself it was shown once."""

    id: int
    user: str
    name: str
    kind: Literal["personal", "session"]
    """A session is what the command line keeps after a login."""
    limits: list[Allowance] | None
    """All that it may; null where it may what its user may."""
    created_at: datetime | None
    expires_at: datetime | None
    used_at: datetime | None


class Made(Token):
    """A new token, shown this once."""

    secret: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new token is to be."""

    name: str
    limits: Limits | None
    life: float | None
    strict: bool
    """Whether a life that cannot be is refused, and not cut."""


def known(user: str, secret: Secret) -> dict[str, object]:
    """What is shown of a token."""
    return {
        "id": secret.id,
        "user": user,
        "name": secret.name,
        "kind": secret.kind.value,
        "limits": secret.limits
        and [{"role": role, "pattern": pattern} for role, pattern in secret.limits],
        "created_at": moment(secret.created_at),
        "expires_at": moment(secret.expires_at),
        "used_at": moment(secret.used_at),
    }


def person(caller: Caller) -> tuple[str, int]:
    """The caller's name and account, where they are a user; else a problem."""
    kind, _, name = caller.actor.subject.partition(":")
    if kind != "user" or caller.actor.account is None:
        raise Problem(403, "only users have personal tokens: a robot comes by its own secret")
    return name, caller.actor.account


def make(db: Connection, caller: Caller, wish: Wish) -> Made:
    """A token within what the caller came by."""
    user, account = person(caller)
    if not limits.contains(caller.actor.limits, wish.limits):
        raise Problem(403, "the token that you came by is limited: ask for no more than it may")
    end, last = credentials.end_of(wish.life), _last(db, caller)
    if last is not None and (end is None or end > last):
        if wish.strict:
            raise Problem(403, "the token that you came by ends sooner: log in by your password")
        end = last
    text, made = credentials.make(
        db, Kind.PERSONAL, account, wish.name, limits=wish.limits, expires_at=end
    )
    return Made.model_validate({**known(user, made), "secret": text})


def _last(db: Connection, caller: Caller) -> float | None:
    """When the token ends that the caller came by; a session stands for the password."""
    if caller.actor.secret is None:
        return None
    found = secrets.by_id(db, caller.actor.secret)
    if found is None:
        return time.time()
    return None if found.kind is Kind.SESSION else found.expires_at
