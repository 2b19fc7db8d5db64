"""A sign-on is picked up, once: by the button of the page, or by the command line that began it."""

import secrets as random
import time
from functools import partial
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import Field, SecretStr

from entrepot.admin import credentials, session, sso_page
from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import Label, Model
from entrepot.admin.problem import Problem
from entrepot.admin.sso import PAGES, origin_of, provider_of
from entrepot.admin.sso_cookies import PROOF
from entrepot.auth import people
from entrepot.auth.actor import Session
from entrepot.auth.login import RefusedError
from entrepot.auth.oidc.sso import challenge_of
from entrepot.auth.secrets import fingerprint
from entrepot.db import accounts, sign_ons
from entrepot.db.accounts import Account
from entrepot.db.secrets import Kind

router = APIRouter(prefix="/sso", tags=["session"])

DAYS = 30
"""How long a token is good that was made in the browser."""

Secret = Annotated[SecretStr, Field(min_length=1, max_length=128)]


class Exchange(Model):
    """The code that came to the command line, and the secret that it began with."""

    code: Secret
    verifier: Secret
    name: Label = "cli"
    """What to call the token."""


@router.post("/token", response_class=HTMLResponse, responses=PAGES)
async def token(caller: Called, request: Request) -> Response:
    """What the button of the page does: make a personal token, and show it."""
    await provider_of(caller)
    origin, form = origin_of(caller), _form(await request.body())
    try:
        account = await _pick_up(caller, form.get("code", ""), PROOF.of(request, origin))
    except RefusedError as error:
        return sso_page.refused(str(error))
    name = time.strftime("browser %Y-%m-%d", time.gmtime())
    make = partial(
        credentials.make,
        kind=Kind.PERSONAL,
        account=account.id,
        name=name,
        expires_at=time.time() + DAYS * credentials.DAY,
    )
    text, _ = await caller.change("token create", f"{account.subject} {name}", make)
    response = sso_page.token(account.name, text, DAYS, origin)
    PROOF.drop(response, origin)
    return response


@router.post("/exchange", status_code=201)
async def exchange(caller: Called, wanted: Annotated[Exchange, Body()]) -> session.Started:
    """What the command line does with the code that came to it: begin a session."""
    await provider_of(caller)
    code, verifier = wanted.code.get_secret_value(), wanted.verifier.get_secret_value()
    try:
        await _pick_up(caller, code, verifier)
    except RefusedError as error:
        raise Problem(403, str(error)) from None
    return await session.start(caller, session.Start(name=wanted.name))


async def _pick_up(caller: Caller, code: str, secret: str) -> Account:
    """Whose sign-on waits for this code and this secret; they call from now on."""
    with caller.login.watched(caller.by(), people.VIA):
        hashed = fingerprint(code)
        found = None
        if await caller.read(partial(sign_ons.waits, code=hashed)):  # a guess costs no write
            found = await caller.registry.database.write(partial(sign_ons.take, code=hashed))
        if found is None or not random.compare_digest(challenge_of(secret), found.proof):
            raise RefusedError("this sign-on was used already, or its time is over: begin again")
        account = await caller.read(partial(accounts.by_id, number=found.account))
        if account is None or account.disabled:
            raise RefusedError("this account is disabled: ask an admin")
    caller.asked.session = Session(await caller.login.actor(account, people.VIA))
    return account


def _form(content: bytes) -> dict[str, str]:
    try:
        found = parse_qs(content.decode("ascii"), max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}
