"""Personal tokens: users' secrets for machines, for as much and as long as they say.

A token makes none that may more, or lasts longer, than itself: whoever steals it gains no time.
Sessions are shown too, since a lost machine's must be found and ended.
"""

import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from entrepot.admin import credentials, users
from entrepot.admin.caller import Called, Caller
from entrepot.admin.credentials import DAY, Life, Number, Rotation
from entrepot.admin.page import Allowance, Label, Limit, Model, Page, moment
from entrepot.admin.problem import Problem
from entrepot.auth import limits
from entrepot.auth.roles import Action
from entrepot.db import accounts, secrets
from entrepot.db.secrets import Kind, Limits, Secret

router = APIRouter(prefix="/tokens", tags=["tokens"])

_KINDS = (Kind.PERSONAL, Kind.SESSION)

DAYS = 90
"""How long a token is good where nobody says."""


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


class NewToken(Model):
    """A token to be made, for the caller."""

    name: Label
    expires: Life | None = DAYS * DAY
    """Seconds that it is good; null for ever."""
    limits: Annotated[list[Allowance], Field(min_length=1, max_length=100)] | None = None
    """All that it may, of what its user may; what its maker came by, where not given."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a new token is to be."""

    name: str
    limits: Limits | None
    life: float | None
    strict: bool
    """Whether a life that cannot be is refused, and not cut."""


def _known(user: str, secret: Secret) -> dict[str, object]:
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


@router.get("")
async def index(
    caller: Called,
    user: Annotated[str, Query(description="Of this user; one's own where not given.")] = "",
    after: Annotated[int, Query(ge=0, le=2**62, description="Go on behind this one.")] = 0,
    limit: Limit = 100,
) -> Page[Token]:
    """Tokens, the oldest first."""
    name, account = _owner(caller, user)
    found = [each for each in _of(caller.db, account) if each.id > after]
    items = [Token.model_validate(_known(name, each)) for each in found[:limit]]
    return Page(items=items, next=str(items[-1].id) if len(found) > limit else None)


def _of(db: sqlite3.Connection, account: int | None) -> list[Secret]:
    if account is None:
        return []
    found = [each for kind in _KINDS for each in secrets.of_account(db, account, kind)]
    return sorted(found, key=lambda each: each.id)


def _owner(caller: Caller, user: str) -> tuple[str, int | None]:
    """Whose tokens to list."""
    kind, _, own = caller.actor.subject.partition(":")
    if not user or (kind, own) == ("user", user):
        return own, caller.actor.account
    caller.require(Action.AUDIT)
    return user, users.required(caller.db, user).id


@router.post("", status_code=201)
async def create(caller: Called, wanted: Annotated[NewToken, Body()]) -> Made:
    """Make a token for oneself."""
    user, _ = _person(caller)
    given = tuple((each.role.value, each.pattern) for each in wanted.limits or ())
    strict = "expires" in wanted.model_fields_set
    wish = _Wish(wanted.name, given or caller.actor.limits, wanted.expires, strict)
    words = [f"{role} on {pattern}" for role, pattern in wish.limits or ()]
    write = partial(_make, caller=caller, wish=wish)
    return await caller.change("token create", f"user:{user} {wanted.name}", write, limits=words)


def _person(caller: Caller) -> tuple[str, int]:
    kind, _, name = caller.actor.subject.partition(":")
    if kind != "user" or caller.actor.account is None:
        raise Problem(403, "only users have personal tokens: a robot comes by its own secret")
    return name, caller.actor.account


def _make(db: sqlite3.Connection, caller: Caller, wish: _Wish) -> Made:
    """A token within what the caller came by."""
    user, account = _person(caller)
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
    return Made.model_validate({**_known(user, made), "secret": text})


def _last(db: sqlite3.Connection, caller: Caller) -> float | None:
    """When the token ends that the caller came by; a session stands for the password."""
    if caller.actor.secret is None:
        return None
    found = secrets.by_id(db, caller.actor.secret)
    if found is None:
        return time.time()
    return None if found.kind is Kind.SESSION else found.expires_at


def _own(db: sqlite3.Connection, caller: Caller, number: int) -> Secret | None:
    """The caller's own token, where the one that they came by may as much."""
    found = secrets.by_id(db, number)
    if found is None or found.kind not in _KINDS or found.account != caller.actor.account:
        return None
    if not limits.contains(caller.actor.limits, found.limits):
        raise Problem(403, "the token that you came by is limited, and this one may more")
    return found


def _unknown(number: int) -> Problem:
    return Problem(404, f"there is no token {number}, or it is not yours")


@router.delete("/{number}", status_code=204)
async def revoke(caller: Called, number: Number) -> Response:
    """End a token at once, with what was made by it: one's own, or as an admin anybody's."""
    found = secrets.by_id(caller.db, number)
    account = accounts.by_id(caller.db, found.account) if found else None

    def write(db: sqlite3.Connection) -> None:
        if _own(db, caller, number) is None and not _administered(db, caller, number):
            raise _unknown(number)
        secrets.remove(db, number)

    words = f"{account.subject} {found.name}" if account and found else str(number)
    await caller.change("token revoke", words, write)
    return Response(status_code=204)


def _administered(db: sqlite3.Connection, caller: Caller, number: int) -> bool:
    found = secrets.by_id(db, number)
    known = found is not None and found.kind in _KINDS
    return known and caller.holds(Action.ADMINISTER)


@router.post("/{number}/rotate", status_code=201)
async def rotate(caller: Called, number: Number, wanted: Annotated[Rotation, Body()]) -> Made:
    """Make a new token of the same name and limits; the old one ends after the overlap."""
    user, _ = _person(caller)

    def write(db: sqlite3.Connection) -> Made:
        old = _own(db, caller, number)
        if old is None:
            raise _unknown(number)
        if old.kind is Kind.SESSION:
            raise Problem(409, "a session is not rotated: log in again")
        life, strict = credentials.life_after(old, wanted), "expires" in wanted.model_fields_set
        made = _make(db, caller, _Wish(old.name, old.limits, life, strict))
        credentials.retire(db, [old], wanted.overlap)
        return made

    return await caller.change("token rotate", f"user:{user} {number}", write)
