"""DSSE envelopes in sigstore's bundles, made with a key: what cosign 3 writes by itself.

Source: secure-systems-lab/dsse, "protocol.md"; sigstore's protobuf-specs, `sigstore_bundle.proto`.
"""

import json

from entrepot.signatures import public_key
from entrepot.signatures.evidence import EvidenceError
from entrepot.signatures.public_key import PublicKey

IN_TOTO = "application/vnd.in-toto+json"


def check(key: PublicKey, bundle: bytes) -> bytes:
    """What a key signed in a bundle: an in-toto statement. Raises EvidenceError."""
    try:
        envelope = json.loads(bundle)["dsseEnvelope"]
        kind, (found,) = envelope["payloadType"], envelope["signatures"]
        payload = public_key.decoded(envelope["payload"], "what it signs")
        signature = public_key.decoded(found["sig"], "the signature")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise EvidenceError("it is no bundle with an envelope of one signature") from None
    if kind != IN_TOTO:
        raise EvidenceError(f"it signs {str(kind)[:100]!r}, which says nothing of images")
    public_key.check(key, signature, _encoded(kind, payload))
    return payload


def _encoded(kind: str, payload: bytes) -> bytes:
    """Pre-authentication encoding: what is signed."""
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
