"""Personal tokens: users' secrets for machines, for as much and as long as they say.

Sessions are shown too, since a lost machine's must be found and ended.
"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from entrepot.admin import credentials, users
from entrepot.admin.caller import Called, Caller
from entrepot.admin.credentials import DAY, Life, Number, Rotation
from entrepot.admin.page import Allowance, Label, Limit, Model, Page
from entrepot.admin.personal import Made, Token, Wish, known, make, person
from entrepot.admin.problem import Problem
from entrepot.auth import limits
from entrepot.auth.roles import Action
from entrepot.db import accounts, secrets
from entrepot.db.connection import Connection
from entrepot.db.secrets import Kind, Secret

router = APIRouter(prefix="/tokens", tags=["tokens"])

_KINDS = (Kind.PERSONAL, Kind.SESSION)

DAYS = 90
"""How long a token is good where nobody says."""


class NewToken(Model):
    """A token to be made, for the caller."""

    name: Label
    expires: Life | None = DAYS * DAY
    """Seconds that it is good; null for ever."""
    limits: Annotated[list[Allowance], Field(min_length=1, max_length=100)] | None = None
    """All that it may, of what its user may; what its maker came by, where not given."""


@router.get("")
async def index(
    caller: Called,
    user: Annotated[str, Query(description="Of this user; one's own where not given.")] = "",
    after: Annotated[int, Query(ge=0, le=2**62, description="Go on behind this one.")] = 0,
    limit: Limit = 100,
) -> Page[Token]:
    """Tokens, the oldest first."""
    name, account = await _owner(caller, user)
    every = await caller.read(partial(_of, account=account))
    found = [each for each in every if each.id > after]
    items = [Token.model_validate(known(name, each)) for each in found[:limit]]
    return Page(items=items, next=str(items[-1].id) if len(found) > limit else None)


def _of(db: Connection, account: int | None) -> list[Secret]:
    if account is None:
        return []
    found = [each for kind in _KINDS for each in secrets.of_account(db, account, kind)]
    return sorted(found, key=lambda each: each.id)


async def _owner(caller: Caller, user: str) -> tuple[str, int | None]:
    """Whose tokens to list."""
    kind, _, own = caller.actor.subject.partition(":")
    if not user or (kind, own) == ("user", user):
        return own, caller.actor.account
    await caller.require(Action.AUDIT)
    return user, (await caller.read(partial(users.required, name=user))).id


@router.post("", status_code=201)
async def create(caller: Called, wanted: Annotated[NewToken, Body()]) -> Made:
    """Make a token for oneself."""
    user, _ = person(caller)
    given = tuple((each.role.value, each.pattern) for each in wanted.limits or ())
    strict = "expires" in wanted.model_fields_set
    wish = Wish(wanted.name, given or caller.actor.limits, wanted.expires, strict)
    words = [f"{role} on {pattern}" for role, pattern in wish.limits or ()]
    write = partial(make, caller=caller, wish=wish)
    return await caller.change("token create", f"user:{user} {wanted.name}", write, limits=words)


def _own(db: Connection, caller: Caller, number: int) -> Secret | None:
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
    words = await caller.read(partial(_words, number=number))
    administers = await caller.holds(Action.ADMINISTER)

    def write(db: Connection) -> None:
        if _own(db, caller, number) is None and not (administers and _is_listed(db, number)):
            raise _unknown(number)
        secrets.remove(db, number)

    await caller.change("token revoke", words, write)
    return Response(status_code=204)


def _words(db: Connection, number: int) -> str:
    """What the audit is told of a token."""
    found = secrets.by_id(db, number)
    account = accounts.by_id(db, found.account) if found else None
    return f"{account.subject} {found.name}" if account and found else str(number)


def _is_listed(db: Connection, number: int) -> bool:
    found = secrets.by_id(db, number)
    return found is not None and found.kind in _KINDS


@router.post("/{number}/rotate", status_code=201)
async def rotate(caller: Called, number: Number, wanted: Annotated[Rotation, Body()]) -> Made:
    """Make a new token of the same name and limits; the old one ends after the overlap."""
    user, _ = person(caller)

    def write(db: Connection) -> Made:
        old = _own(db, caller, number)
        if old is None:
            raise _unknown(number)
        if old.kind is Kind.SESSION:
            raise Problem(409, "a session is not rotated: log in again")
        life, strict = credentials.life_after(old, wanted), "expires" in wanted.model_fields_set
        made = make(db, caller, Wish(old.name, old.limits, life, strict))
        credentials.retire(db, [old], wanted.overlap)
        return made

    return await caller.change("token rotate", f"user:{user} {number}", write)
