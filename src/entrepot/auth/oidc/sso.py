"""Single sign-on of people: the authorization code flow with PKCE, state and nonce.

The browser carries a code, which is worth nothing without the verifier that stays here; the ID
token comes from the provider itself, and is verified like every other token.
Source: OpenID Connect Core §3.1, RFC 7636, RFC 9207. Next: `person` reads the claims.
"""

import base64
import hashlib
import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from entrepot.auth.oidc.answer import Answer, OutboundError
from entrepot.auth.oidc.claims import find
from entrepot.auth.oidc.discovery import Discovery
from entrepot.auth.oidc.issuers import Issuers
from entrepot.auth.oidc.outbound import Outbound
from entrepot.auth.oidc.person import Person, named, person
from entrepot.auth.oidc.provider import Provider
from entrepot.auth.oidc.token import TokenError

_log = logging.getLogger("entrepot")
_error_code = re.compile(r"[a-z_]{1,40}").fullmatch


class SignOnError(Exception):
    """Nobody is signed on; the text may be shown to whoever tried."""


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-on under way: all but `url` stays with us, bound to the browser, good for one try."""

    url: str
    """Where to send the browser."""
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)


class SignOn:
    """Signs people on at one provider."""

    def __init__(self, provider: Provider, outbound: Outbound, discovery: Discovery) -> None:
        self._provider = provider
        self._outbound = outbound
        self._discovery = discovery

    @property
    def issuer(self) -> str:
        """Who says who they are."""
        return self._provider.issuer.url

    async def start(self, redirect_uri: str) -> Started:
        """Begin; the provider will send the browser to `redirect_uri`. Raises `SignOnError`."""
        where = await self._endpoint("authorization_endpoint")
        if urlsplit(where).scheme not in {"https", "http"}:
            raise SignOnError("the provider's authorization_endpoint is no address")
        state, verifier, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(dict.fromkeys(("openid", *self._provider.scopes))),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in where else "?"
        return Started(where + separator + urlencode(asked), state, verifier, nonce)

    async def finish(
        self, started: Started, code: str, redirect_uri: str, state: str, iss: str | None = None
    ) -> Person:
        """End with what the browser brought: `code`, `state`, and `iss` where there was one.

        Raises `SignOnError`.
        """
        if not _same(started.state, state):
            raise SignOnError("this sign-on was not begun in this browser: begin again")
        if iss is not None and iss != self._provider.issuer.url:
            raise SignOnError("this answer is another provider's: begin again")
        given = await self._redeem(code, started.verifier, redirect_uri)
        claims = await self._verify(given.get("id_token"), started.nonce)
        whole = await self._complete(claims, given)
        try:
            return person(whole, self._provider.user_claim, self._provider.groups_claim)
        except ValueError as error:
            raise SignOnError(str(error)) from None

    async def _redeem(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        where = await self._endpoint("token_endpoint")
        headers, more = self._provider.credentials(await self._metadata())
        try:
            answer = await self._outbound.post(
                where, {**form, **more}, ca=self._provider.issuer.ca, headers=headers
            )
            document = answer.document()
        except OutboundError as error:
            raise _silent(error) from None
        if answer.status != 200:
            raise SignOnError(f"the provider refused the sign-on: {_refusal(answer, document)}")
        return document

    async def _verify(self, token: object, nonce: str) -> dict[str, Any]:
        """The ID token's claims: OpenID Connect Core §3.1.3.7."""
        issuer, client = self._provider.issuer, self._provider.client_id
        if not isinstance(token, str):
            raise SignOnError("the provider sent no ID token")
        try:
            claims = await Issuers(self._discovery).verify(token, {issuer.url: issuer}, [client])
        except TokenError as error:
            raise SignOnError(f"the provider's ID token was refused: {error}") from None
        others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if others else client) != client:
            raise SignOnError("the provider's ID token was refused: it is another client's")
        if not _same(nonce, claims.get("nonce")):
            raise SignOnError("the provider's ID token was refused: its nonce is another")
        return claims

    async def _complete(
        self, claims: dict[str, Any], given: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The claims, with those of userinfo where the ID token has no name or no groups."""
        has_groups = find(claims, self._provider.groups_claim) is not None
        where = (await self._metadata()).get("userinfo_endpoint")
        if (has_groups and named(claims, self._provider.user_claim)) or not isinstance(where, str):
            return claims
        try:
            answer = await self._outbound.get(
                where,
                ca=self._provider.issuer.ca,
                headers={"authorization": f"Bearer {given.get('access_token', '')}"},
            )
            more = answer.document()
        except OutboundError as error:
            raise _silent(error) from None
        if answer.status != 200 or more.get("sub") != claims["sub"]:
            raise SignOnError("the provider's userinfo is not about whoever signed on")
        return {**more, **claims}

    async def _metadata(self) -> Mapping[str, Any]:
        try:
            return await self._discovery.metadata(self._provider.issuer)
        except TokenError as error:
            raise SignOnError(str(error)) from None

    async def _endpoint(self, name: str) -> str:
        found = (await self._metadata()).get(name)
        if not isinstance(found, str):
            raise SignOnError(f"the provider has no {name}")
        return found


def challenge_of(verifier: str) -> str:
    """What may be seen of a secret before it is shown itself: S256 of RFC 7636 §4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _same(ours: str, theirs: object) -> bool:
    return isinstance(theirs, str) and secrets.compare_digest(ours.encode(), _bytes(theirs))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _silent(error: OutboundError) -> SignOnError:
    """Why is for the log: it may tell of our network."""
    _log.warning("single sign-on: %s", error)
    return SignOnError("the provider does not answer as it should: try again later")


def _refusal(answer: Answer, document: Mapping[str, Any]) -> str:
    code = document.get("error")
    known = isinstance(code, str) and _error_code(code)
    return str(code) if known else f"it answers {answer.status}"
