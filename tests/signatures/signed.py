"""Signatures as cosign makes them, by its documented format, with keys of the test's own."""

import base64
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.content import CONFIG, EMPTY, OCI_MANIFEST, Document, descriptor

from entrepot.signatures.found import SIMPLE

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
Sign = Callable[[bytes], bytes]

COSIGN_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"


def curve(found: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(found or ec.SECP256R1())


def pem(key: PrivateKey) -> str:
    """The public half."""
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signing(key: PrivateKey) -> Sign:
    """How cosign signs with a key."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return lambda text: key.sign(text, ec.ECDSA(hashes.SHA256()))
    return lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def payload(digest: str, name: str = "registry.example.com/team/app", **critical: Any) -> bytes:
    """Simple signing, of a digest."""
    document = {
        "critical": {
            "identity": {"docker-reference": name},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
            **critical,
        },
        "optional": None,
    }
    return json.dumps(document).encode()


def simple(signed: bytes, sign: Sign, **annotations: str) -> Document:
    """The layer that carries a signature."""
    said = {"dev.cosignproject.cosign/signature": base64.b64encode(sign(signed)).decode()}
    return descriptor(signed, SIMPLE, annotations={**said, **annotations})


def signature(*layers: Document, **more: Any) -> Document:
    """The manifest under cosign's tag."""
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(EMPTY, CONFIG),
        "layers": list(layers),
        **more,
    }


def tag_of(digest: str) -> str:
    return f"{digest.replace(':', '-')}.sig"
