"""A token of another issuer: looked at, then verified. What is unverified leads nowhere by itself.

Its `iss` is a key into the issuers that are configured, never a place to ask. Its header says
which key of theirs and which algorithm of our list; a header that brings a key along, or a
condition of its own, makes the token void. Source: RFC 7515, RFC 7519, RFC 8725.
Next: `keys` chooses the key, `issuers` joins the two.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import (
    ClaimError,
    ExpiredTokenError,
    JoseError,
    MissingClaimError,
    UnsupportedAlgorithmError,
)
from joserfc.jwk import Key
from joserfc.jwt import JWTClaimsRegistry
from joserfc.util import urlsafe_b64decode

ALGORITHMS = frozenset(
    f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)
) | {"EdDSA"}
"""Signatures by a private key that only the issuer has."""

LONGEST = 16 * 1024
"""Characters of a token that is looked at."""
LEEWAY = 30
"""Seconds that two clocks may differ."""

_REFUSED = ("jwk", "jku", "x5c", "x5u", "crit", "b64")
_compact = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+").fullmatch
_WHY = {
    "iss": "its issuer is another",
    "aud": "it is for another audience",
    "nbf": "it is not good yet",
    "iat": "it was made in the future",
}


class TokenError(Exception):
    """A token is not good; the text may be told to whoever brought it."""


class _Registry(jws.JWSRegistry):
    """Our list of algorithms; joserfc's own warns of `EdDSA`, which has got a newer name."""

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


_registry = _Registry(strict_check_header=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A token that has been looked at: nothing in it is known to be true."""

    text: str
    algorithm: str
    kid: str | None
    claims: dict[str, Any]

    @classmethod
    def parse(cls, text: str) -> "Token":
        """Look at a token. Raises `TokenError`."""
        if len(text) > LONGEST:
            raise TokenError(f"the token is longer than {LONGEST} characters")
        if not _compact(text):
            raise TokenError("this is not a signed JWT")
        head, body, _ = text.encode("ascii").split(b".")
        header = _object(head)
        return cls(text, _algorithm(header), _kid(header), _object(body))

    def verify(self, key: Key, issuer: str, audiences: Collection[str]) -> dict[str, Any]:
        """Return the claims, which are true from here on. Raises `TokenError`."""
        try:
            jws.deserialize_compact(self.text, key, registry=_registry)
        except (JoseError, ValueError):
            raise TokenError("the token's signature is wrong") from None
        try:
            _expected(issuer, audiences).validate(self.claims)
        except ClaimError as error:
            raise TokenError(_why(error)) from None
        return self.claims


def _object(part: bytes) -> dict[str, Any]:
    try:
        found = json.loads(urlsafe_b64decode(part))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise TokenError("this is not a signed JWT")
    return found


def _algorithm(header: dict[str, Any]) -> str:
    for name in _REFUSED:
        if name in header:
            raise TokenError(f"the token's header has {name!r}, which is not taken")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.upper() != "JWT":  # RFC 8725 §3.11
        raise TokenError("the token is of another type than JWT")
    found = header.get("alg")
    if not isinstance(found, str) or found not in ALGORITHMS:
        raise TokenError("the token's algorithm is not taken: sign with RS256, ES256 or EdDSA")
    return found


def _kid(header: dict[str, Any]) -> str | None:
    found = header.get("kid")
    if found is not None and not isinstance(found, str):
        raise TokenError("the token's kid is no text")
    return found


def _expected(issuer: str, audiences: Collection[str]) -> JWTClaimsRegistry:
    if not audiences:  # joserfc takes an empty list for no condition
        raise TokenError(_text("aud"))
    return JWTClaimsRegistry(
        leeway=LEEWAY,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "values": list(audiences)},
        exp={"essential": True},
        sub={"essential": True},
    )


def _why(error: ClaimError) -> str:
    if isinstance(error, ExpiredTokenError):
        return "the token has expired"
    if isinstance(error, MissingClaimError):
        return f"the token lacks {error.claim}"
    return _text(error.claim)


def _text(claim: str) -> str:
    return f"the token is not good: {_WHY.get(claim, f'its {claim} cannot be')}"
