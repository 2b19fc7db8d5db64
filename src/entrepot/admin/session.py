"""The session: who am I here; and a token that the command line keeps, made by a password."""

import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Response

from entrepot.admin.caller import Called
from entrepot.admin.page import Allowance, Label, Model
from entrepot.admin.problem import Problem
from entrepot.auth import secrets
from entrepot.db import secrets as kept
from entrepot.db.connection import Connection
from entrepot.db.secrets import Kind, Secret

router = APIRouter(prefix="/session", tags=["session"])

DAYS = 30
MOST = 100
"""Sessions of a user; where there would be more, the oldest ends."""


class Session(Model):
    """Who calls, and what they may."""

    subject: str
    """Such as user:alice."""
    via: str
    """How they showed it."""
    groups: list[str]
    grants: list[Allowance]
    """Their own and their groups'."""
    limits: list[Allowance] | None
    """What the token that they came by is limited to."""


class Started(Model):
    """A session's token, shown this once."""

    subject: str
    name: str
    secret: str


class Start(Model):
    """What to call the token: a newer one of the same name takes the place of the older."""

    name: Label = "cli"


@router.get("")
async def show(caller: Called) -> Session:
    """Say who calls."""
    actor = caller.actor
    found = (await caller.registry.guard.directory.granted(actor)).every
    return Session(
        subject=actor.subject,
        via=actor.via,
        groups=[each.removeprefix("group:") for each in actor.subjects if each[:6] == "group:"],
        grants=[_allowance(each.role, each.pattern) for each in found],
        limits=None if actor.limits is None else [_allowance(*each) for each in actor.limits],
    )


def _allowance(role: str, pattern: str) -> Allowance:
    return Allowance.model_validate({"role": role, "pattern": pattern})


@router.post("", status_code=201)
async def start(caller: Called, wanted: Annotated[Start, Body()]) -> Started:
    """Make a token for the command line; it ends by itself."""
    actor = caller.actor
    if actor.account is None or not actor.subject.startswith("user:"):
        raise Problem(403, "only users have personal tokens: a robot comes by its own secret")
    if actor.secret is not None:
        raise Problem(403, "log in by your password: a token makes no other token here")
    text = secrets.make(Kind.SESSION)
    name = wanted.name
    write = partial(_replace, account=actor.account, name=name, secret=text)
    await caller.change("session start", f"{actor.subject} {name}", write)
    return Started(subject=actor.subject, name=name, secret=text)


def _replace(db: Connection, account: int, name: str, secret: str) -> Secret:
    known = kept.of_account(db, account, Kind.SESSION)
    for at, old in enumerate(reversed(known), 1):
        if old.name == name or at >= MOST:
            kept.remove(db, old.id)
    return kept.add(
        db,
        Kind.SESSION,
        account,
        name,
        secrets.fingerprint(secret),
        expires_at=time.time() + DAYS * 24 * 3600,
    )


@router.delete("", status_code=204)
async def end(caller: Called) -> Response:
    """Revoke the token that the caller came by."""
    actor = caller.actor
    if actor.secret is None:
        raise Problem(409, "you came by a password or a certificate: there is nothing to revoke")
    remove = partial(kept.remove, number=actor.secret)
    await caller.change("token revoke", f"{actor.subject} {actor.via}", remove)
    return Response(status_code=204)
