"""An issuer's public keys: read from its JWKS, one chosen for a token.

Only what checks a signature is kept: a symmetric key in the set would make whoever knows it an
issuer, a weak one whoever has a computer. What is not understood is passed over, since issuers add
new kinds of keys. Source: RFC 7517 §5, RFC 7518 §3.3. Next: `discovery` finds the set.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key
from joserfc.util import base64_to_int

from entrepot.auth.oidc.token import TokenError

_KINDS = ("RSA", "EC", "OKP")
_PUBLIC = ("kty", "kid", "use", "alg", "key_ops", "n", "e", "crv", "x", "y")
_RSA_BITS = range(2048, 8193)
"""Shorter ones are weak, longer ones cost time."""
_MOST = 100


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one issuer."""

    keys: tuple[Key, ...]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Keys":
        """Read a JWKS. Raises ValueError where no key in it can check a signature."""
        listed = document.get("keys")
        if not isinstance(listed, list) or len(listed) > _MOST:
            raise ValueError(f"a JWKS has a list `keys`, of at most {_MOST}")
        found = tuple(_fit(listed))
        if not found:
            raise ValueError("no key of the JWKS can check a signature of a kind that is taken")
        return cls(found)

    def knows(self, kid: str | None) -> bool:
        """Whether a key has this id. A token without one asks for none in particular."""
        return kid is None or any(key.kid == kid for key in self.keys)

    def choose(self, kid: str | None, algorithm: str) -> Key:
        """Return the key for a token. Raises `TokenError`."""
        if kid is None and len(self.keys) > 1:
            raise TokenError("the token names no key, and its issuer has several")
        if not self.knows(kid):
            raise TokenError("the token names a key that its issuer does not have")
        named = [key for key in self.keys if kid is None or key.kid == kid]
        fitting = [key for key in named if _is_for(key, algorithm)]
        if len(fitting) != 1:
            raise TokenError("the key that the token names is not for its algorithm")
        return fitting[0]


def _fit(listed: list[Any]) -> Iterator[Key]:
    for entry in listed:
        if not isinstance(entry, dict) or entry.get("kty") not in _KINDS:
            continue
        public = {name: entry[name] for name in _PUBLIC if name in entry}
        try:
            if public["kty"] != "RSA" or base64_to_int(public["n"]).bit_length() in _RSA_BITS:
                yield JWKRegistry.import_key(public)
        except (JoseError, KeyError, TypeError, ValueError):
            continue


def _is_for(key: Key, algorithm: str) -> bool:
    """Whether the key's kind, curve, `alg`, `use` and `key_ops` allow it."""
    try:
        jws.JWSRegistry.algorithms[algorithm].check_key(key)
        key.check_key_op("verify")
    except JoseError:
        return False
    return True
