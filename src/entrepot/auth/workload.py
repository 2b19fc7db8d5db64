"""Workloads log in by a token of their platform: trust rules say whom it means.

The rules are read after the signature was checked, since that may wait for the issuer: a rule that
was removed meanwhile lets nobody in. Which condition was not met only the audit is told.
Source: RFC 8693; the tokens themselves are `auth.oidc.token`'s.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from entrepot.auth.actor import Actor, Session
from entrepot.auth.directory import Directory
from entrepot.auth.login import RefusedError
from entrepot.auth.oidc.details import details
from entrepot.auth.oidc.issuer import Issuer
from entrepot.auth.oidc.issuers import Issuers
from entrepot.auth.oidc.token import Token, TokenError
from entrepot.auth.oidc.trust import Trust, explain, matches
from entrepot.auth.passwords import FRESH

_VIA = "workload token"
_FAR = 2**40
"""Seconds since 1970 that are as good as never."""


class Workloads:
    """Lets workloads in."""

    def __init__(self, directory: Directory, issuers: Issuers) -> None:
        self._directory = directory
        self._issuers = issuers

    async def login(self, token: str) -> Session:
        """The session of whom a token means. Raises `RefusedError`."""
        try:
            claims = await self.verify(token)
        except TokenError as error:
            raise RefusedError(str(error)) from None
        rules = await self.rules(claims["iss"])
        names = sorted(rule.name for rule in rules if matches(rule, claims))
        if not names:
            raise _unknown(rules, claims)
        ends = _seconds(claims["exp"])
        return Session(_actor(names, claims), expires=min(time.time() + FRESH, ends), ends=ends)

    async def verify(self, token: str) -> dict[str, Any]:
        """The claims of a token that an issuer made for one of its rules. Raises `TokenError`."""
        url = Token.parse(token).claims.get("iss")
        issuers = await self._directory.issuers()
        found = issuers.get(url) if isinstance(url, str) else None
        known = {found.url: Issuer(found.url, found.ca, found.jwks)} if found else {}
        audiences = [rule.audience for rule in await self.rules(url)]
        return await self._issuers.verify(token, known, audiences)

    async def rules(self, issuer: object) -> list[Trust]:
        """The rules on tokens of an issuer."""
        return [
            Trust(each.name, each.issuer, each.audience, each.claims)
            for each in await self._directory.trusts()
            if each.issuer == issuer
        ]


def _actor(names: Sequence[str], claims: Mapping[str, Any]) -> Actor:
    subjects = tuple(f"workload:{name}" for name in names)
    # A token that does not say when it was made is as old as can be.
    life = _seconds(claims["exp"]) - _seconds(claims.get("iat", 0))
    return Actor(subjects[0], subjects, _VIA, life=life, detail=details(claims))


def _seconds(written: float) -> float:
    """A time that fits: JSON's whole numbers may have thousands of digits."""
    return float(max(0, min(written, _FAR)))


def _unknown(rules: Sequence[Trust], claims: Mapping[str, Any]) -> RefusedError:
    why = "; ".join(f"rule {rule.name}: {explain(rule, claims)}" for rule in rules)
    return RefusedError(
        "the token is good, but no rule here says whom it means",
        detail={**details(claims), "why": why[:4000]},
    )
