"""The token endpoint: credentials become a short registry token, for the scopes that one may have.

What is not allowed is left out of the token, and the request is not refused, as clients expect.
Source: Docker Registry v2 authentication, "Token" and "OAuth2"; RFC 6749, RFC 8693 for workloads.
"""

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from entrepot.auth import keyring, pull_tokens, secrets, tokens
from entrepot.auth.actor import NO_SESSION, Session
from entrepot.auth.login import RefusedError
from entrepot.auth.roles import Action
from entrepot.auth.tokens import CREATE, Issued, TokenError
from entrepot.db import accounts
from entrepot.db import secrets as kept
from entrepot.db.accounts import Account
from entrepot.db.audit import DENIED, Event
from entrepot.db.connection import Connection
from entrepot.db.secrets import Kind
from entrepot.distribution import body, mirrored
from entrepot.distribution.challenge import CATALOG_SCOPE, MOUNT_SCOPE
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request
from entrepot.distribution.response import Response, as_json
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository

REFRESH_SECONDS = 90 * 24 * 3600
"""How long a refresh token is good, as `docker login` keeps one."""

MOST_REFRESH = 1000
"""Refresh tokens of an account; the oldest go first."""

MOST_SCOPES = 100
_MOST_BODY = 64 * 1024
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_ACCESS = "urn:ietf:params:oauth:token-type:access_token"
_REFRESH = "urn:ietf:params:oauth:token-type:refresh_token"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"

_UNCACHED = [(b"cache-control", b"no-store")]

_ASKED = {
    "pull": {Action.PULL},
    "push": {Action.PUSH, Action.MOVE},
    "delete": {Action.DELETE},
    "*": {Action.PULL, Action.PUSH, Action.MOVE, Action.DELETE},
}
"""What the actions of a scope mean here; who pushes may also move tags, if allowed."""

_REGISTRY = (CATALOG_SCOPE, MOUNT_SCOPE)
"""Scopes that anyone may have: what they show is what the actor may see."""

_scope = re.compile(r"repository(?:\([^)]*\))?:(?P<name>[^\s]+):(?P<actions>[a-z*,]+)").fullmatch

Form = dict[str, list[str]]


async def get(registry: Registry, request: Request) -> Response:
    """GET: log in by Basic or certificate, or not at all; then as asked by the query."""
    session = await registry.guard.identify(request)
    if session.access is not None:  # or it would live for ever, and grow
        error = TokenError("a registry token makes no other: log in by what made it")
        raise registry.guard.challenge.refusal(request, error)
    request.session = session
    offline = request.parameter("offline_token") == "true"
    return await _answer(registry, request, request.query, offline=offline)


async def post(registry: Registry, request: Request) -> Response:
    """POST of an OAuth 2 form: a password, a refresh token, or a workload's own token."""
    form = _form(await body.read(request, _MOST_BODY))
    kind = _first(form, "grant_type")
    try:
        request.session = await _granted(registry, request, form, kind)
    except RefusedError as error:
        raise registry.guard.challenge.refusal(request, error) from None
    if kind == _EXCHANGE and _first(form, "requested_token_type") == _REFRESH:
        return await _pull_token(registry, request)
    offline = _first(form, "access_type") == "offline" and kind != "refresh_token"
    return await _answer(registry, request, form, offline=offline)


async def _granted(registry: Registry, request: Request, form: Form, kind: str) -> Session:
    login = registry.guard.login
    if registry.guard.everyone:
        return NO_SESSION
    if kind == "password":
        return await login.basic(_first(form, "username"), _first(form, "password"), request.by())
    if kind == "refresh_token":
        kinds = Kind.REFRESH, Kind.PERSONAL, Kind.ROBOT
        return await login.bearer(_first(form, "refresh_token"), request.by(), *kinds)
    if kind == _EXCHANGE:
        if _first(form, "subject_token_type") not in ("", _JWT):
            raise OCIError(Code.UNSUPPORTED, f"subject_token_type must be {_JWT}", status=400)
        if _first(form, "requested_token_type") not in ("", _ACCESS, _REFRESH):
            why = f"requested_token_type is {_ACCESS} or {_REFRESH}"
            raise OCIError(Code.UNSUPPORTED, why, status=400)
        return await login.exchange(_first(form, "subject_token"), request.by())
    raise OCIError(
        Code.UNSUPPORTED,
        f"grant_type is password, refresh_token or {_EXCHANGE}",
        status=400,
    )


async def keys(registry: Registry, _request: Request) -> Response:
    """GET of the public halves of the keys that sign tokens (RFC 7517)."""
    return as_json(keyring.public(await registry.guard.directory.keys()))


async def _answer(registry: Registry, request: Request, form: Form, *, offline: bool) -> Response:
    if registry.guard.everyone:
        return as_json({"token": "unneeded", "access_token": "unneeded", "expires_in": 3600})
    access = await _access(registry, request, form)
    issued = await _issue(registry, request.session, access)
    document: dict[str, Any] = {
        "token": issued.token,
        "access_token": issued.token,
        "expires_in": issued.expires_in,
        "issued_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(issued.issued_at)),
        "token_type": "Bearer",
    }
    if request.actor.known:
        document["scope"] = _told(access)
    if offline and request.actor.account is not None and request.session.access is None:
        document["refresh_token"] = await _refresh_token(registry, request)
    elif _first(form, "grant_type") == "refresh_token":
        document["refresh_token"] = _first(form, "refresh_token")
    return as_json(document, headers=_UNCACHED)


async def _pull_token(registry: Registry, request: Request) -> Response:
    """What a workload can send as a password, in the form of RFC 8693, section 2.2.1."""
    directory = registry.guard.directory
    rules, keys = await directory.trusts(), await directory.keys()
    issued = pull_tokens.issue(request.session, rules, keys)
    document = {
        "access_token": issued.token,
        "issued_token_type": _REFRESH,
        "token_type": "N_A",
        "expires_in": issued.expires_in,
    }
    return as_json(document, headers=_UNCACHED)


async def _issue(registry: Registry, session: Session, access: tokens.Access) -> Issued:
    """No token outlives what it was made from."""
    seconds = int(min(registry.token_seconds, session.ends - time.time()))
    keys = await registry.guard.directory.keys()
    return tokens.issue(session.actor, access, keys, max(1, seconds))


async def _access(registry: Registry, request: Request, form: Form) -> dict[str, frozenset[str]]:
    """Of the scopes that were asked for, what whoever asks may have."""
    asked = [text for value in form.get("scope", ()) for text in value.split()]
    found: dict[str, frozenset[str]] = {}
    for text in asked[:MOST_SCOPES]:
        if text in _REGISTRY:
            kind, _, action = text.rpartition(":")
            found[kind] = frozenset({action})
        elif match := _scope(text):
            name, allowed = await _allowed(registry, request, match["name"], match["actions"])
            found[name] = found.get(name, frozenset()) | allowed
    return {name: actions for name, actions in found.items() if actions}


async def _allowed(
    registry: Registry, request: Request, name: str, actions: str
) -> tuple[str, frozenset[str]]:
    """The repository that is meant, and what they may there."""
    try:
        namespace = mirrored.of_host(registry, request)
        repository = await mirrored.called(registry.guard.directory, name, namespace)
    except OCIError:
        return name, frozenset()
    found: set[str] = set()
    for asked in dict.fromkeys(actions.split(",")):
        for action in _ASKED.get(asked, ()):
            decision = await registry.guard.may(request, action, repository)
            if decision:
                found.add(action.value)
                registry.guard.trail.used(None, None, decision.grant)
            elif action.value == asked:
                _note_denial(registry, request, repository, action, decision.reason)
            if decision and decision.owns:
                found.add(CREATE)
    return repository.name, frozenset(found)


def _note_denial(
    registry: Registry, request: Request, repository: Repository, action: Action, why: str
) -> None:
    event = Event(action.value, request.by(), repository.name, result=DENIED, detail={"why": why})
    registry.guard.trail.note(event)


def _told(access: tokens.Access) -> str:
    """The scope that was granted (RFC 6749, 5.1), in the words in which clients ask."""
    told = {
        name: ",".join(action for action in ("pull", "push", "delete") if action in found)
        for name, found in access.items()
        if ":" not in name
    }
    return " ".join(f"repository:{name}:{actions}" for name, actions in told.items())


async def _refresh_token(registry: Registry, request: Request) -> str:
    """A secret that stands for the one that was shown, and ends with it."""
    actor, text = request.actor, secrets.make(Kind.REFRESH)
    assert actor.account is not None
    account = await registry.database.read(partial(accounts.by_id, number=actor.account))
    add = partial(
        kept.add,
        kind=Kind.REFRESH,
        account=actor.account,
        name=request.by().agent[:60],
        fingerprint=secrets.fingerprint(text),
        limits=actor.limits,
        parent=actor.secret,
        expires_at=min(time.time() + REFRESH_SECONDS, request.session.ends),
    )
    keep = partial(_keep, account=account, add=add)
    if not await registry.database.write(keep):
        raise registry.guard.challenge.wanted(request)
    return text


def _keep(db: Connection, account: Account | None, add: Callable[[Connection], object]) -> bool:
    """False where meanwhile the password was changed, say: that ends such tokens, this one too."""
    now = accounts.by_id(db, account.id) if account else None
    if account is None or now is None or now.disabled or now.password != account.password:
        return False
    add(db)
    kept.keep_newest(db, account.id, Kind.REFRESH, MOST_REFRESH)
    return True


def _form(content: bytes) -> Form:
    try:
        return parse_qs(content.decode(), keep_blank_values=True, max_num_fields=MOST_SCOPES)
    except ValueError:
        raise OCIError(
            Code.UNSUPPORTED, "the body is no form that can be read", status=400
        ) from None


def _first(form: Form, name: str) -> str:
    values = form.get(name)
    return values[0] if values else ""
