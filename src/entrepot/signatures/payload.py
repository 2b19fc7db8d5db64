"""What was signed: each format's own words for "this very digest". Pure.

A signature counts for the digest inside of what it signs, and for no other; where it lies, and
which repository it names, says nothing (an image may be copied with its signatures).
Sources: containers/image "Atomic Container signature"; in-toto "Statement v1".
"""

import json
from typing import Any

from entrepot.oci.digest import Digest
from entrepot.signatures.evidence import EvidenceError

_TYPES = ("cosign container image signature", "atomic container signature")

COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"
"""What cosign states where it just signs; who states that tests failed, say, signs nothing."""


def check_simple(payload: bytes, digest: str) -> None:
    """Raise EvidenceError unless a simple signing payload is about the digest."""
    critical = _object(_document(payload).get("critical"))
    if critical.get("type") not in _TYPES:
        raise EvidenceError(f"its payload is of the type {str(critical.get('type'))[:60]!r}")
    _check(_object(critical.get("image")).get("docker-manifest-digest"), digest)


def check_statement(payload: bytes, digest: str) -> None:
    """Raise EvidenceError unless an in-toto statement says that the digest is signed."""
    statement = _document(payload)
    stated = statement.get("predicateType")
    if stated != COSIGN_SIGN:
        raise EvidenceError(f"it states {str(stated)[:100]!r} of the image, and signs it not")
    parsed = Digest.parse(digest)
    subjects = statement.get("subject")
    if not isinstance(subjects, list) or len(subjects) != 1:
        raise EvidenceError("it is not about one image")
    said = _object(_object(subjects[0]).get("digest")).get(parsed.algorithm)
    _check(f"{parsed.algorithm}:{said}", digest)


def check_descriptor(payload: bytes, digest: str) -> None:
    """Raise EvidenceError unless notation's payload is about the digest."""
    _check(_object(_document(payload).get("targetArtifact")).get("digest"), digest)


def _check(said: object, digest: str) -> None:
    if said != digest:
        raise EvidenceError(f"it signs another digest: {str(said)[:140]}")


def _document(payload: bytes) -> dict[str, Any]:
    try:
        return _object(json.loads(payload))
    except (ValueError, RecursionError):
        raise EvidenceError("its payload is not JSON") from None


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise EvidenceError("its payload lacks what it should say")
    return value
