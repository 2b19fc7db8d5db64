"""Tokens that other issuers signed become verified claims. Next: `trust` says whom they mean."""

from collections.abc import Collection, Mapping
from typing import Any

from entrepot.auth.oidc.discovery import Discovery
from entrepot.auth.oidc.issuer import Issuer
from entrepot.auth.oidc.token import Token, TokenError


class Issuers:
    """Verifies tokens; keeps issuers' keys for a while."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery

    async def verify(
        self, token: str, issuers: Mapping[str, Issuer], audiences: Collection[str]
    ) -> dict[str, Any]:
        """The claims of a token that one of `issuers` (by url) made for one of `audiences`.

        Raises `TokenError`.
        """
        seen = Token.parse(token)
        named = seen.claims.get("iss")
        issuer = issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise TokenError("the token's issuer is not trusted here")
        keys = await self._discovery.keys(issuer, seen.kid)
        key = keys.choose(seen.kid, seen.algorithm)
        return seen.verify(key, issuer.url, audiences)
