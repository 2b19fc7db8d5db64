"""The keys that sign registry tokens: ECDSA on P-256, each with an id, rotated at will.

A token is verified by a key of this ring and no other: whatever key or address of one a token
brings in its own header is not looked at (CVE-2025-24976).
"""

import secrets
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from entrepot.db.keys import SigningKey

if TYPE_CHECKING:  # it takes a tenth of a second to import: see `tokens.prepare`
    from joserfc.jwk import ECKey

ALGORITHM = "ES256"


class NoKeyError(Exception):
    """There is no key to sign with."""


def make() -> SigningKey:
    """A new key."""
    from joserfc.jwk import ECKey

    pem = ECKey.generate_key("P-256").as_pem(private=True)
    return SigningKey(secrets.token_hex(8), pem.decode(), time.time())


@lru_cache(maxsize=64)
def _read(identity: str, pem: str) -> "ECKey":
    from joserfc.jwk import ECKey

    return ECKey.import_key(pem, {"kid": identity, "use": "sig", "alg": ALGORITHM})


def read(key: SigningKey) -> "ECKey":
    """The key, ready for use."""
    return _read(key.id, key.private)


def signer(keys: Sequence[SigningKey]) -> "ECKey":
    """The key that signs now. Raises `NoKeyError`."""
    for key in keys:
        if key.retired_at is None:
            return read(key)
    raise NoKeyError("no key signs: start the server once, or run entrepot key rotate")


def public(keys: Sequence[SigningKey]) -> dict[str, Any]:
    """The JWKS that whoever wants to verify our tokens reads (RFC 7517)."""
    return {"keys": [read(key).as_dict(private=False) for key in keys]}
