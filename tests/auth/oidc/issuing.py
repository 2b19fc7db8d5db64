"""An issuer of tokens: keys, tokens, and the documents that say which keys are its."""

import json
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from tests.auth.oidc.elsewhere import CA, LOOPBACK, Elsewhere, Says, elsewhere

from entrepot.auth.oidc.discovery import Discovery
from entrepot.auth.oidc.issuer import Issuer
from entrepot.auth.oidc.issuers import Issuers
from entrepot.auth.oidc.outbound import Outbound

AUDIENCE = "registry.example.com"
DISCOVERY = "/.well-known/openid-configuration"

KEYS: dict[str, Key] = {
    "RS": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "p256"}),
    "ES384": ECKey.generate_key("P-384", {"kid": "p384"}),
    "ES512": ECKey.generate_key("P-521", {"kid": "p521"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed25519"}),
}
KEYS |= {f"{family}{bits}": KEYS["RS"] for family in ("RS", "PS") for bits in (256, 384, 512)}
KEY = KEYS["RS256"]
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
"""Another's key under the name of ours."""


def public(*keys: Key, **more: Any) -> dict[str, Any]:
    return {"keys": [{**key.as_dict(private=False), **more} for key in keys]}


def claims(issuer: str, **changes: Any) -> dict[str, Any]:
    """Those of a good token; a change to None takes one away."""
    now = int(time.time())
    good = {"iss": issuer, "aud": AUDIENCE, "sub": "someone", "iat": now, "exp": now + 300}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def sign(
    said: dict[str, Any] | bytes, key: Key = KEY, algorithm: str = "RS256", **header: Any
) -> str:
    """A token, however wrong; a header of None is left away."""
    whole = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **header}
    whole = {name: value for name, value in whole.items() if value is not None}
    payload = said if isinstance(said, bytes) else json.dumps(said).encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
        registry.check_header = lambda header: None  # type: ignore[method-assign]
        return jws.serialize_compact(whole, payload, key, registry=registry)


@dataclass(slots=True)
class Issuing:
    """An issuer that can be asked for its keys."""

    party: Elsewhere
    now: float = 0
    """Seconds by the clock of `discovery`."""
    issuer: Issuer = field(init=False)
    issuers: Issuers = field(init=False)

    def __post_init__(self) -> None:
        self.issuer = Issuer(self.party.url, CA)
        self.issuers = Issuers(Discovery(Outbound(LOOPBACK), lambda: self.now))

    def publish(self, *keys: Key, **more: Any) -> None:
        """Say where the keys are, and which."""
        metadata = {"issuer": self.party.url, "jwks_uri": f"{self.party.url}/jwks"}
        self.party.says[DISCOVERY] = Says(json.dumps({**metadata, **more}).encode())
        self.party.says["/jwks"] = Says(json.dumps(public(*keys)).encode())

    def token(self, key: Key = KEY, algorithm: str = "RS256", **changes: Any) -> str:
        return sign(claims(self.party.url, **changes), key, algorithm)

    async def verify(self, token: str) -> dict[str, Any]:
        return await self.issuers.verify(token, {self.issuer.url: self.issuer}, [AUDIENCE])


@contextmanager
def issuing() -> Iterator[Issuing]:
    """An issuer with one RSA key, until the block ends."""
    with elsewhere() as party:
        found = Issuing(party)
        found.publish(KEY)
        yield found
