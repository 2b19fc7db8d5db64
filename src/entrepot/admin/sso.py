"""Single sign-on: to the provider and back.

The browser comes back with a code of the provider's; what it gets from us is a code of ours, which
is worth nothing without the secret of whoever began: the command line's, or the browser's cookie.
So a code that is seen on its way, a page that is loaded ahead, or an answer that someone else's
sign-on brought into this browser, lead to no token. Next: `sso_pickup` hands tokens out.
"""

import re
import secrets as random
import time
from collections.abc import Awaitable
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from entrepot.admin import sso_page
from entrepot.admin.caller import PREFIX, Called, Caller
from entrepot.admin.problem import Problem
from entrepot.admin.sso_cookies import PROOF, SECONDS, STATE
from entrepot.auth import people, sealed
from entrepot.auth.login import RefusedError
from entrepot.auth.oidc.person import Person
from entrepot.auth.oidc.sso import SignOn, SignOnError, Started, challenge_of
from entrepot.auth.secrets import fingerprint
from entrepot.db import sign_ons
from entrepot.db.accounts import Account
from entrepot.db.connection import Connection
from entrepot.db.keys import SigningKey

router = APIRouter(prefix="/sso", tags=["session"])

CODE_SECONDS = 60
"""How long the command line has to pick a sign-on up."""

_PURPOSE = "single sign-on"
_error_code = re.compile(r"[a-z_]{1,40}").fullmatch

_HTML: dict[str, Any] = {"content": {"text/html": {"schema": {"type": "string"}}}}
PAGES: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page", **_HTML},
    303: {"description": "Go on there", "headers": {"location": {"schema": {"type": "string"}}}},
    403: {"description": "Not signed on", **_HTML},
    503: {"description": "The provider does not answer", **_HTML},
}
"""What browsers get."""

Port = Annotated[int | None, Query(ge=1024, le=65535, description="Where the CLI listens.")]
Challenge = Annotated[
    str, Query(pattern=r"^([A-Za-z0-9_-]{43})?$", description="Of the CLI's verifier, by S256.")
]
Word = Annotated[str, Query(max_length=4096)]


@router.get("/start", response_class=RedirectResponse, status_code=303, responses=PAGES)
async def start(caller: Called, port: Port = None, challenge: Challenge = "") -> Response:
    """Send a browser to the provider; with port and challenge, for the command line."""
    if (port is None) != (not challenge):
        raise Problem(422, "port and challenge belong together: give both, or neither")
    provider, origin, back = await provider_of(caller), origin_of(caller), _callback(caller)
    try:
        started = await provider.start(back)
    except SignOnError as error:
        return sso_page.refused(str(error), 503)
    words = {
        "state": started.state,
        "verifier": started.verifier,
        "nonce": started.nonce,
        "port": str(port or ""),
        "challenge": challenge,
    }
    response = RedirectResponse(started.url, 303, sso_page.HEADERS)
    STATE.put(response, origin, sealed.seal(_PURPOSE, words, await _keys(caller)))
    return response


@router.get("/callback", response_class=HTMLResponse, responses=PAGES)
async def callback(
    caller: Called,
    request: Request,
    *,
    code: Word = "",
    state: Word = "",
    iss: Annotated[str | None, Query(max_length=4096)] = None,
    error: Word = "",
) -> Response:
    """Where the provider sends the browser back to."""
    provider, origin = await provider_of(caller), origin_of(caller)
    words = sealed.unseal(_PURPOSE, STATE.of(request, origin), await _keys(caller), SECONDS)
    words = words or {}
    if words.get("state") != state:  # nor does it end the one that is under way
        words = {}
    try:
        with caller.login.watched(caller.by(), people.VIA):
            if not words:
                raise RefusedError("this sign-on was not begun in this browser: begin again")
            if error:
                told = error if _error_code(error) else "it does not say why"
                raise RefusedError(f"the provider refused the sign-on: {told}")
            begun = Started("", words["state"], words["verifier"], words["nonce"])
            finishing = provider.finish(begun, code, _callback(caller), state, iss)
            person = await _person(finishing)
            response = await _received(caller, provider.issuer, person, words)
    except RefusedError as refusal:
        response = _refusal(words, str(refusal))
    if words:
        STATE.drop(response, origin)
    return response


async def _person(finishing: Awaitable[Person]) -> Person:
    try:
        return await finishing
    except SignOnError as error:
        raise RefusedError(str(error)) from None


async def _received(caller: Caller, issuer: str, person: Person, words: dict[str, str]) -> Response:
    """Have the sign-on wait for the command line, or for the button of the page."""
    code, secret, origin = random.token_urlsafe(32), random.token_urlsafe(32), origin_of(caller)
    port, by = words["port"], caller.by()
    proof = words["challenge"] if port else challenge_of(secret)
    ends_at = time.time() + (CODE_SECONDS if port else SECONDS)

    def write(db: Connection) -> Account:
        account = people.admit(db, issuer, person, by)
        sign_ons.add(db, fingerprint(code), account.id, proof, ends_at)
        return account

    account = await caller.registry.database.write(write)
    caller.login.note(await caller.login.actor(account, people.VIA), by)
    if port:
        return _to_command_line(port, code=code)
    response = sso_page.welcome(account.name, f"{PREFIX}/sso/token", code, origin)
    PROOF.put(response, origin, secret)
    return response


def _refusal(words: dict[str, str], why: str) -> Response:
    """Tell it where it began: on the command line, or in the browser."""
    port = words.get("port")
    return _to_command_line(port, error=why) if port else sso_page.refused(why)


def _to_command_line(port: str, **said: str) -> Response:
    url = f"http://127.0.0.1:{port}/?{urlencode(said)}"
    return RedirectResponse(url, 303, sso_page.HEADERS)


async def provider_of(caller: Caller) -> SignOn:
    """Where people sign on, or a problem."""
    found = await caller.login.providers.sign_on()
    if found is None:
        raise Problem(404, "there is no single sign-on here: ENTREPOT_SSO_ISSUER sets it up")
    return found


def origin_of(caller: Caller) -> str:
    """Scheme and host under which the browser came."""
    return caller.registry.guard.challenge.origin(caller.asked)


def _callback(caller: Caller) -> str:
    """What the provider knows as our redirect address."""
    return f"{origin_of(caller)}{PREFIX}/sso/callback"


async def _keys(caller: Caller) -> list[SigningKey]:
    return await caller.registry.guard.directory.keys()
