"""Notation's signatures: a JWS envelope with a certificate that a given authority vouches for.

There is no trusted time in it that we could read, so it is good while all of its certificates are.
Whether one was revoked is not asked: that would take the network. Source: notaryproject's
"signature-specification.md" and "signature-envelope-jws.md".
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)
from joserfc.util import urlsafe_b64decode

from entrepot.signatures.evidence import EvidenceError

PAYLOAD = "application/vnd.cncf.notary.payload.v1+json"
_SCHEME, _EXPIRY = "io.cncf.notary.signingScheme", "io.cncf.notary.expiry"

_CURVES = {
    "secp256r1": ("ES256", hashes.SHA256()),
    "secp384r1": ("ES384", hashes.SHA384()),
    "secp521r1": ("ES512", hashes.SHA512()),
}
_SIZES = {
    2048: ("PS256", hashes.SHA256()),
    3072: ("PS384", hashes.SHA384()),
    4096: ("PS512", hashes.SHA512()),
}


@dataclass(frozen=True, slots=True)
class Signed:
    """What an authority's subject signed; times are seconds since 1970."""

    payload: bytes
    since: float
    until: float


def load_authorities(pem: str) -> list[x509.Certificate]:
    """Read certificates. Raises ValueError."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise ValueError("these are no certificates in PEM") from None


def load_subject(text: str) -> x509.Name:
    """Read the attributes that a subject must have, such as CN=ci,O=Example. Raises ValueError."""
    try:
        found = x509.Name.from_rfc4514_string(text)
    except ValueError:
        found = x509.Name([])
    if not list(found):
        raise ValueError("write what the certificate's subject must have, such as CN=ci,O=Example")
    return found


def check(authorities: str, subject: str, envelope: bytes) -> Signed:
    """What a certificate of these authorities signed, with this subject. Raises EvidenceError."""
    try:
        document = json.loads(envelope)
        protected = json.loads(urlsafe_b64decode(document["protected"].encode()))
        payload = urlsafe_b64decode(document["payload"].encode())
        signature = urlsafe_b64decode(document["signature"].encode())
        chain = _chain(document["header"]["x5c"])
        expiry = _expiry(protected)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise EvidenceError("it is no JWS envelope of notation") from None
    _check_headers(protected)
    leaf = chain[0]
    signing = f"{document['protected']}.{document['payload']}".encode()
    _check_signature(leaf, protected.get("alg"), signature, signing)
    _check_subject(leaf, load_subject(subject))
    trusted = _trusted(chain, load_authorities(authorities))
    since = max(each.not_valid_before_utc for each in chain).timestamp()
    ends = [each.not_valid_after_utc.timestamp() for each in trusted]
    return Signed(payload, since, min([*ends, *expiry]))


def _chain(texts: Sequence[str]) -> list[x509.Certificate]:
    if not 0 < len(texts) <= 10:
        raise ValueError
    return [x509.load_der_x509_certificate(base64.b64decode(text, validate=True)) for text in texts]


def _expiry(protected: dict[str, Any]) -> list[float]:
    text = protected.get(_EXPIRY)
    return [] if text is None else [datetime.fromisoformat(text).timestamp()]


def _check_headers(protected: dict[str, Any]) -> None:
    if protected.get(_SCHEME) != "notary.x509" or protected.get("cty") != PAYLOAD:
        raise EvidenceError("it is of a scheme that is not known here")
    unknown = set(protected.get("crit") or ()) - {_SCHEME, _EXPIRY}
    if unknown:
        raise EvidenceError(f"it insists on {', '.join(sorted(map(str, unknown)))[:200]}")


def _check_signature(
    leaf: x509.Certificate, algorithm: object, signature: bytes, signing: bytes
) -> None:
    """The key says which algorithm it has to be."""
    key = leaf.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            name, kind = _CURVES.get(key.curve.name, ("", hashes.SHA256()))
            half = (key.key_size + 7) // 8
            r, s = (int.from_bytes(part) for part in (signature[:half], signature[half:]))
            verify = [utils.encode_dss_signature(r, s), signing, ec.ECDSA(kind)]
            if algorithm == name and len(signature) == 2 * half:
                key.verify(*verify)  # type: ignore[arg-type]
                return
        elif isinstance(key, rsa.RSAPublicKey):
            name, kind = _SIZES.get(key.key_size, ("", hashes.SHA256()))
            pss = padding.PSS(padding.MGF1(kind), padding.PSS.DIGEST_LENGTH)
            if algorithm == name:
                key.verify(signature, signing, pss, kind)
                return
    except InvalidSignature:
        raise EvidenceError("its certificate's key did not make it, or it was changed") from None
    raise EvidenceError(f"its algorithm {str(algorithm)[:20]!r} is not that of its key")


def _check_subject(leaf: x509.Certificate, wanted: x509.Name) -> None:
    has = {(each.oid, each.value) for each in leaf.subject}
    if not {(each.oid, each.value) for each in wanted} <= has:
        said = leaf.subject.rfc4514_string()[:200]
        raise EvidenceError(f"{said} signed it, not {wanted.rfc4514_string()}")


def _trusted(
    chain: list[x509.Certificate], authorities: list[x509.Certificate]
) -> list[x509.Certificate]:
    """The certificates from the leaf to an authority, at the time from which all are good."""
    leaf, since = chain[0], max(each.not_valid_before_utc for each in chain)
    _check_usage(leaf)
    if leaf in authorities:  # self-signed, and named as it is
        return [leaf]
    ca = ExtensionPolicy.webpki_defaults_ca().may_be_present(
        x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None
    )
    policy = PolicyBuilder().store(Store(authorities)).time(since)
    policy = policy.extension_policies(ca_policy=ca, ee_policy=ExtensionPolicy.permit_all())
    try:
        return list(policy.build_client_verifier().verify(leaf, chain[1:]).chain)
    except (VerificationError, x509.UnsupportedGeneralNameType, ValueError):
        raise EvidenceError("no authority that is named vouches for its certificate") from None


def _check_usage(leaf: x509.Certificate) -> None:
    found = leaf.extensions
    try:
        usage = found.get_extension_for_class(x509.KeyUsage).value
        purposes = found.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        raise EvidenceError("its certificate does not say what it is for") from None
    if not usage.digital_signature or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise EvidenceError("its certificate is not for signing code")
