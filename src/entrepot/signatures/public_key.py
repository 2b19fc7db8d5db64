"""Public keys: which are taken, and whether one made a signature.

The key says which algorithm is used, never the signature. Hashes are SHA-2, of the curve's size or
SHA-256, as cosign uses for all keys.
"""

import base64
import binascii
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from entrepot.signatures.evidence import EvidenceError

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

_CURVES: dict[str, tuple[type[hashes.HashAlgorithm], ...]] = {
    "secp256r1": (hashes.SHA256,),
    "secp384r1": (hashes.SHA256, hashes.SHA384),
}
_LEAST_BITS = 2048


@lru_cache(maxsize=256)
def load(pem: str) -> PublicKey:
    """Read a key. Raises ValueError, which says what is taken."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(
            "this is no public key in PEM, which begins with -----BEGIN PUBLIC KEY-----"
        ) from None
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_BITS:
        return key
    raise ValueError(
        f"use an ECDSA key on P-256 or P-384, Ed25519, or RSA of at least {_LEAST_BITS} bits"
    )


def check(key: PublicKey, signature: bytes, signed: bytes) -> None:
    """Raise EvidenceError unless the key made the signature of these bytes."""
    for verify in _ways(key, signature, signed):
        try:
            verify()
        except InvalidSignature:
            continue
        return
    raise EvidenceError("another key made it, or what it signs was changed")


def _ways(key: PublicKey, signature: bytes, signed: bytes) -> list[Callable[[], None]]:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return [partial(key.verify, signature, signed)]
    if isinstance(key, ec.EllipticCurvePublicKey):
        kinds = _CURVES[key.curve.name]
        return [partial(key.verify, signature, signed, ec.ECDSA(kind())) for kind in kinds]
    paddings = (padding.PKCS1v15(), padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO))
    return [partial(key.verify, signature, signed, each, hashes.SHA256()) for each in paddings]


def decoded(text: str, what: str) -> bytes:
    """Base64. Raises EvidenceError."""
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise EvidenceError(f"{what} is not base64") from None
