"""Registry tokens: short-lived JWTs that say who, and what of which repository.

They are verified without the database. A token that was signed to create a project says so, since
by the time it comes the project may be another's (`distribution.guard`).
Source: Docker Registry v2 authentication, "Token Authentication Implementation"; RFC 7519, 8725.
"""

import math
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from entrepot.auth import keyring
from entrepot.auth.actor import Actor, Session
from entrepot.db.keys import SigningKey

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, GuestProtocol
    from joserfc.jwt import JWTClaimsRegistry

ISSUER = "entrepot"
AUDIENCE = "entrepot"
CREATE = "create"
"""Stands beside the actions on a repository whose project has to be made first."""

CATALOG = "registry:catalog"
"""Stands among the repositories of a token that is good for the list of them."""

BLOBS = "registry:blobs"
"""Stands there in a token that may mount blobs from wherever its actor may pull."""

LONGEST = 16 * 1024
"""Characters of a token that is looked at."""

_LEEWAY = 5
_ENDLESS = -1
Access = Mapping[str, frozenset[str]]
"""By repository, the actions."""


class TokenError(Exception):
    """A token is not good; the text may be told to whoever brought it."""


class ForeignError(TokenError):
    """It was never signed here, or for another use."""


class ExpiredError(TokenError):
    """It was good."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, with when it was made and how long it is good, in seconds."""

    token: str
    issued_at: int
    expires_in: int


def prepare() -> None:
    """Import what signs and verifies: it takes a tenth of a second, which no start should wait."""
    _claims(AUDIENCE)


@cache
def _claims(audience: str) -> "JWTClaimsRegistry":
    from joserfc import jwt

    return jwt.JWTClaimsRegistry(
        leeway=_LEEWAY,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        nbf={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )


def issue(actor: Actor, access: Access, keys: Sequence[SigningKey], seconds: int) -> Issued:
    """Sign a registry token. Raises `keyring.NoKeyError`."""
    resources = [_resource(name, actions) for name, actions in access.items()]
    return sign(actor, AUDIENCE, {"access": resources}, keys, seconds)


def sign(
    actor: Actor,
    audience: str,
    more: Mapping[str, Any],
    keys: Sequence[SigningKey],
    seconds: int,
) -> Issued:
    """Sign a token of ours for one use, the audience. Raises `keyring.NoKeyError`."""
    from joserfc import jwt

    key = keyring.signer(keys)
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": actor.subject,
        "iat": now,
        "nbf": now,
        "exp": now + seconds,
        "jti": secrets.token_hex(8),
        **more,
        "entrepot": _written(actor),
    }
    header = {"alg": keyring.ALGORITHM, "kid": key.kid, "typ": "JWT"}
    return Issued(jwt.encode(header, claims, key, algorithms=[keyring.ALGORITHM]), now, seconds)


def _resource(name: str, actions: frozenset[str]) -> dict[str, Any]:
    kind, _, rest = name.rpartition(":")
    return {"type": kind or "repository", "name": rest, "actions": sorted(actions)}


def _name(resource: dict[str, Any]) -> str:
    kind, name = resource["type"], resource["name"]
    return str(name) if kind == "repository" else f"{kind}:{name}"


def _written(actor: Actor) -> dict[str, Any]:
    return {
        "subjects": actor.subjects,
        "via": actor.via,
        "account": actor.account,
        "secret": actor.secret,
        "limits": actor.limits,
        "life": _ENDLESS if actor.life == math.inf else actor.life,
        "detail": dict(actor.detail),
    }


def read(token: str, keys: Sequence[SigningKey]) -> Session:
    """What a registry token says, if it is good. Raises `TokenError`."""
    claims = verified(token, AUDIENCE, keys)
    access = {_name(each): frozenset(each["actions"]) for each in claims["access"]}
    return Session(actor(claims), access, claims["exp"], claims["exp"])


def verified(token: str, audience: str, keys: Sequence[SigningKey]) -> dict[str, Any]:
    """The claims of a token that we signed for this use, if it is good. Raises `TokenError`."""
    from joserfc import jwt
    from joserfc.errors import ExpiredTokenError, JoseError

    if len(token) > LONGEST:
        raise TokenError("the token is too long to be ours")
    try:
        found = jwt.decode(token, partial(_key, keys), algorithms=[keyring.ALGORITHM])
        _claims(audience).validate(found.claims)
    except ExpiredTokenError:
        raise ExpiredError("the token has expired: ask for a new one") from None
    except (JoseError, ValueError, TypeError, RecursionError):
        raise ForeignError("the token is not one that this registry signed") from None
    return found.claims


def _key(keys: Sequence[SigningKey], token: "GuestProtocol") -> "ECKey":
    """The key that the token's id names; ours, whatever else its header says."""
    wanted = token.headers().get("kid")
    for key in keys:
        if key.id == wanted:
            return keyring.read(key)
    raise ValueError("unknown key")


def actor(claims: Mapping[str, Any]) -> Actor:
    """Whom a token means; we signed it, so its shape is as we wrote it."""
    own = claims["entrepot"]
    limits = own["limits"]
    return Actor(
        claims["sub"],
        tuple(own["subjects"]),
        own["via"],
        own["account"],
        own["secret"],
        tuple((role, pattern) for role, pattern in limits) if limits is not None else None,
        math.inf if own["life"] == _ENDLESS else own["life"],
        own["detail"],
    )
